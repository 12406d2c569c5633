"""Samples are known again by short hashes of their content."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.json_values import MALFORMED
from quantkit.core.sample_hashes import MOST, SampleHashes, sample_hashes_from

digests = st.lists(st.text(max_size=4), max_size=40)
MANY = [f"{number:064x}" for number in range(MOST + 900)]


@given(digests, digests)
def test_of_a_set_that_is_whole_every_content_is_known_and_no_other(inside: list[str], others: list[str]) -> None:
    hashes = SampleHashes.of(inside)
    assert hashes.is_whole
    assert (hashes.distinct, hashes.kept) == (len(set(inside)), len(set(inside)))
    assert hashes.holds(inside + others) == [True] * len(inside) + [other in inside for other in others]


@given(digests, st.randoms())
def test_order_shards_and_repetitions_make_no_difference(contents: list[str], chance: random.Random) -> None:
    mixed = [*contents, *contents[: len(contents) // 2]]
    chance.shuffle(mixed)
    assert SampleHashes.of(mixed) == SampleHashes.of(contents)


@given(digests)
def test_what_is_written_down_is_read_back(contents: list[str]) -> None:
    hashes = SampleHashes.of(contents)
    assert sample_hashes_from(json.loads(json.dumps(asdict(hashes)))) == hashes


@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1])
def test_a_set_is_whole_up_to_as_many_hashes_as_are_kept(size: int) -> None:
    hashes = SampleHashes.of(MANY[:size])
    assert (hashes.distinct, hashes.is_whole) == (size, size <= MOST)
    assert sum(hashes.holds(MANY)) == hashes.kept == min(size, MOST)


def test_a_large_set_in_any_order_is_the_same_draw() -> None:
    assert SampleHashes.of(reversed(MANY)) == SampleHashes.of(MANY)


def test_a_hash_takes_eight_letters() -> None:
    assert [len(SampleHashes.of(MANY[:size]).lowest) for size in (0, 500, len(MANY))] == [0, 4000, 8 * MOST]


def test_nothing_of_a_content_or_its_digest_is_written_down() -> None:
    packed = base64.b64decode(SampleHashes.of(MANY[:1]).lowest)
    assert packed.hex() not in MANY[0]


def test_half_of_a_surrogate_pair_is_a_digest_like_any_other() -> None:
    assert SampleHashes.of(["\ud800"]).holds(["\ud800", "\udfff"]) == [True, False]


THREE = asdict(SampleHashes.of("abc"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (THREE | {"distinct": 4}, "3 hashes are not those of 4 contents"),
        (THREE | {"distinct": 2}, "3 hashes are not those of 2 contents"),
        (THREE | {"distinct": 10**300}, r"3 hashes are not those of 1e\+300 contents"),
        (THREE | {"distinct": -3}, "is not a count"),
        (THREE | {"distinct": "3"}, "is not an integer"),
        (THREE | {"lowest": THREE["lowest"][:8]}, "1 hashes are not"),
        (THREE | {"lowest": THREE["lowest"][:-4]}, "cut off or out of order"),
        (THREE | {"lowest": THREE["lowest"][8:] + THREE["lowest"][:8]}, "cut off or out of order"),
        (THREE | {"lowest": THREE["lowest"][:8] * 3}, "cut off or out of order"),
        (THREE | {"lowest": THREE["lowest"][:-1]}, "padding"),
        (THREE | {"lowest": "é" + THREE["lowest"][1:]}, "ASCII"),
        (THREE | {"lowest": "!" + THREE["lowest"][1:]}, "Only base64|Non-base64"),
        (THREE | {"lowest": 7}, "is not a text"),
        ({"distinct": 3}, "lowest"),
        ([], "list indices"),
        ("3", "string indices"),
        (7, "not subscriptable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_is_found(document: Any, message: str) -> None:
    with pytest.raises(MALFORMED, match=message):
        sample_hashes_from(document)


def test_more_contents_than_a_float_counts_are_refused() -> None:
    whole = SampleHashes.of(MANY)
    with pytest.raises(ValueError, match="4096 hashes are not those of 1e\\+60 contents"):
        replace(whole, distinct=10**60)


def test_it_shows_a_number_and_no_hashes() -> None:
    assert repr(SampleHashes.of("abc")) == "SampleHashes(3 contents)"
