"""Samples that two sets share."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.sample_hashes import MOST, SampleHashes
from quantkit.core.statistics import SampleId
from quantkit.data.overlap import Overlap, drawn_share, overlap, recognized

ids = st.lists(st.builds(SampleId, st.text(max_size=3), st.sampled_from("abcdef")), max_size=8)


@given(ids, ids)
def test_every_shared_content_of_the_second_set_is_found(first: list[SampleId], second: list[SampleId]) -> None:
    digests = {sample.digest for sample in first}
    assert len(overlap(first, second)) == sum(sample.digest in digests for sample in second)


@given(ids, ids)
def test_hashes_of_a_whole_set_tell_the_same(first: list[SampleId], second: list[SampleId]) -> None:
    shared, found = overlap(first, second), recognized(of(first), second)
    if not shared:
        assert found is None
        return
    assert found is not None
    assert (found.count, found.evaluated, found.interval) == (len(shared), len(second), None)
    assert found.example in {pair.second for pair in shared}


def of(samples: Sequence[SampleId]) -> SampleHashes:
    return SampleHashes.of(sample.digest for sample in samples)


def drawn(count: int, seed: int) -> list[SampleId]:
    chance = random.Random(seed)
    return [SampleId(str(number), f"{chance.getrandbits(256):064x}") for number in range(count)]


LARGE = 5 * MOST


@pytest.mark.parametrize("shared", [300, 2000], ids=str)
def test_of_a_large_set_an_estimate_comes_with_an_interval_that_holds_the_truth_19_times_in_20(shared: int) -> None:
    errors, missed, times = [], 0, 20
    for seed in range(times):
        calibrated, others = drawn(LARGE, seed), drawn(500, 1000 + seed)
        found = recognized(of(calibrated), [*calibrated[:shared], *others])
        assert found is not None
        assert found.interval is not None
        assert found.interval[0] <= found.count <= found.interval[1]
        errors.append(found.count - shared)
        missed += not found.interval[0] <= shared <= found.interval[1]
    # Of 20 that miss one time in 20, more than 4 do so once in 390 times.
    assert missed <= 4
    # The number drawn is hypergeometric; three standard deviations of a mean of 20.
    deviation = (shared * (LARGE / MOST - 1) * (1 - shared / LARGE)) ** 0.5
    assert abs(sum(errors)) / times < 3 * deviation / times**0.5


def test_a_set_that_is_shared_to_the_last_sample_is_told_as_such() -> None:
    samples = drawn(LARGE, 0)
    found = recognized(of(samples), samples)
    assert found is not None
    assert (found.count, found.evaluated) == (LARGE, LARGE)


def test_repeated_samples_count_each_time() -> None:
    samples = drawn(LARGE, 0)
    once, twice = (recognized(of(samples), samples[:1000] * times) for times in (1, 2))
    assert once is not None
    assert twice is not None
    assert twice.count == pytest.approx(2 * once.count, abs=1)


def test_no_more_are_estimated_than_were_evaluated_and_no_fewer_than_were_recognized() -> None:
    samples = drawn(LARGE, 0)
    hashes = of(samples)
    known = next(sample for sample in samples if hashes.holds([sample.digest])[0])
    assert recognized(hashes, [known]) == Overlap(1, 1, known.name, (1, 1))


def test_other_samples_raise_no_alarm() -> None:
    assert recognized(of(drawn(LARGE, 0)), drawn(LARGE, 1)) is None


def test_an_estimate_reads_as_one() -> None:
    told = "about 40 of 900 evaluation samples (95 % interval 20 to 70) were also calibrated on, such as a.png"
    assert str(Overlap(40, 900, "a.png", (20, 70))) == f"{told}: accuracy on them is too good"


@given(st.integers(0, 50), st.integers(50, 60), st.integers(61, 10**15))
def test_an_interval_of_a_share_holds_what_was_found(found: int, sample: int, size: int) -> None:
    low, high = drawn_share(found, sample, size)
    assert -1e-12 <= low <= found / sample + 1e-12
    assert found / sample - 1e-12 <= high <= 1 + 1e-12
