"""Options of reading."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from quantkit.core.errors import UsageError
from quantkit.data.reading import MOST_WORKERS, Labelling, Reading, available_processors
from quantkit.data.selection import Selection


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"max_image_pixels": -1}, "max_image_pixels is -1"),
        ({"max_array_bytes": 0}, "max_array_bytes is 0"),
        ({"max_bad_share": 1.0}, "max_bad_share is 1.0"),
        ({"on_bad_sample": "skipp"}, "on_bad_sample is 'skipp'"),
    ],
    ids=str,
)
def test_values_that_no_run_can_use_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        Reading(**options)  # type: ignore[arg-type]
    assert refusal.value.code == "QK1033"


def test_a_misspelt_policy_is_met_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as refusal:
        Reading(on_bad_sample="skipp")
    assert "did you mean 'skip'?" in refusal.value.hints


def test_threads_follow_the_processors_up_to_a_limit() -> None:
    assert Reading().threads == min(available_processors(), MOST_WORKERS)
    assert Reading(workers=3).threads == 3


def test_labels_from_two_places_are_refused() -> None:
    with pytest.raises(UsageError, match="labels are to come from two places"):
        Labelling(table=Path("labels.csv"), pattern="(?P<label>x)")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (partial(Labelling, 7), "Labelling: table is 7, not a path"),  # type: ignore[arg-type]
        (partial(Reading, batch_size="16"), "Reading: batch_size is '16', not a whole number"),  # type: ignore[arg-type]
        (partial(Selection, shard="1/2"), "Selection: shard is '1/2', not 2 whole numbers"),  # type: ignore[arg-type]
    ],
    ids=["table", "batch", "shard"],
)
def test_values_of_another_kind_are_refused(record: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        record()
