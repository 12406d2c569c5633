"""Which samples one run reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.errors import UsageError
from quantkit.data.selection import Selection

names = st.lists(st.text(max_size=5), unique=True, max_size=40)


@given(names, st.integers(1, 7), st.integers(1, 40))
def test_shards_are_disjoint_and_make_up_the_subset(names: list[str], count: int, most: int) -> None:
    whole = Selection(max_samples=most).positions(names)
    shards = [Selection(shard=(index, count), max_samples=most).positions(names) for index in range(1, count + 1)]
    assert sorted(position for shard in shards for position in shard) == list(whole)


@given(names, st.integers(1, 40), st.integers(0, 3))
def test_a_subset_keeps_the_order_and_the_size_asked_for(names: list[str], most: int, seed: int) -> None:
    chosen = Selection(max_samples=most, seed=seed).positions(names)
    assert list(chosen) == sorted(chosen)
    assert len(chosen) == min(most, len(names))


@given(names, st.integers(1, 40))
def test_a_larger_subset_holds_the_smaller_one(names: list[str], most: int) -> None:
    assert set(Selection(max_samples=most).positions(names)) <= set(Selection(max_samples=most + 1).positions(names))


def test_the_same_seed_chooses_the_same_names_wherever_they_stand() -> None:
    names = [f"{number}.png" for number in range(50)]
    chosen = {names[position] for position in Selection(max_samples=9, seed=5).positions(names)}
    names.reverse()
    assert {names[position] for position in Selection(max_samples=9, seed=5).positions(names)} == chosen


def test_another_seed_chooses_other_samples() -> None:
    names = [f"{number}.png" for number in range(50)]
    assert Selection(max_samples=9).positions(names) != Selection(max_samples=9, seed=1).positions(names)


def test_a_fraction_is_rounded_and_at_least_one() -> None:
    names = [str(number) for number in range(10)]
    assert len(Selection(sample_fraction=0.26).positions(names)) == 3
    assert len(Selection(sample_fraction=0.001).positions(names)) == 1


def test_a_subset_is_spread_over_all_classes() -> None:
    names = [f"{label}/{number}.png" for label in range(5) for number in range(100)]
    chosen = Selection(max_samples=50).positions(names)
    assert {names[position][0] for position in chosen} == set("01234")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shard": (3, 2)}, "shard 3/2 does not exist"),
        ({"shard": (0, 2)}, "shard 0/2 does not exist"),
        ({"max_samples": 0}, "max_samples is 0"),
        ({"sample_fraction": 0.0}, "sample_fraction is 0"),
        ({"sample_fraction": 1.5}, "sample_fraction is 1.5"),
        ({"sample_fraction": float("nan")}, "sample_fraction is nan"),
        ({"max_samples": 3, "sample_fraction": 0.5}, "both given"),
    ],
    ids=str,
)
def test_what_selects_nothing_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        Selection(**options)  # type: ignore[arg-type]
    assert refusal.value.code == "QK1033"


def test_a_selection_reads_like_the_command_line() -> None:
    assert str(Selection(shard=(2, 3), max_samples=5)) == "--max-samples 5 --shard 2/3"
    assert str(Selection(sample_fraction=0.25)) == "--sample-fraction 0.25"
    assert str(Selection()) == "every sample"


def test_what_is_excluded_is_never_chosen() -> None:
    names = [f"{label}/{number}.png" for label in "ab" for number in range(5)]
    chosen = Selection(max_samples=9, exclude=("a/*", "b/4.png")).positions(names)
    assert [names[position] for position in chosen] == [f"b/{number}.png" for number in range(4)]


def test_a_name_with_brackets_is_excluded_as_it_is() -> None:
    assert Selection(exclude=("x[1].png",)).positions(["x1.png", "x[1].png"]) == ()


def test_excluding_what_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"no sample is called 'b\.pgn'") as refusal:
        Selection(exclude=("b.pgn",)).positions(["a.png", "b.png"])
    assert refusal.value.hints[0] == "did you mean 'b.png'?"
