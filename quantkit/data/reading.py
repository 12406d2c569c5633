"""How a source is read: in which batches, by how many threads, within which limits."""

from __future__ import annotations

import os
from dataclasses import dataclass

from quantkit.core import arguments
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.core.plugins import did_you_mean
from quantkit.data.records import UNNAMED

FAIL, SKIP = "fail", "skip"

# More threads than this only wait for each other's Python code.
MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Options that every source understands; none of them changes a sample's content.

    Args:
        batch_size: samples in a batch; the last one may be smaller.
        workers: decoding threads; ``None`` for one per processor, at most 8.
        on_bad_sample: ``"fail"`` at the first unusable sample, or ``"skip"`` and count it.
        max_bad_share: with ``"skip"``, the share of unusable samples beyond which the set is refused.
        max_image_pixels: images whose header announces more are refused before they are decoded.
        max_array_bytes: array files that would take more memory are refused before they are unpacked.
        input_name: what the model calls the only input; a source without names leaves it open otherwise.
        label_offset: what is added to every label: 1 where the network counts a background class first, as
            TensorFlow's ImageNet networks do.
        inputs: the model's inputs, where known; array files and iterables tell samples from batches by them.

    Raises:
        UsageError: a value of another kind, or out of its range.
    """

    batch_size: int = 4
    workers: int | None = None
    on_bad_sample: str = FAIL
    max_bad_share: float = 0.01
    max_image_pixels: int = 50_000_000
    max_array_bytes: int = 1 << 30
    input_name: str = UNNAMED
    label_offset: int = 0
    inputs: tuple[TensorSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuses values of another kind, and those that no run can use."""
        arguments.hold_fields(self)
        positive = ("batch_size", "workers", "max_image_pixels", "max_array_bytes")
        for name in positive:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError("QK1033", f"{name} is {value}", hints=["give 1 or more"])
        if not 0 <= self.max_bad_share < 1:
            raise UsageError(
                "QK1033", f"max_bad_share is {self.max_bad_share}", hints=["give a share from 0 to below 1"]
            )
        if self.on_bad_sample not in (FAIL, SKIP):
            raise UsageError(
                "QK1033",
                f"on_bad_sample is {self.on_bad_sample!r}",
                hints=[*did_you_mean(self.on_bad_sample, [FAIL, SKIP]), "give 'fail' or 'skip'"],
            )

    @property
    def threads(self) -> int:
        """How many decoding threads a pass starts."""
        return self.workers or min(available_processors(), MOST_WORKERS)


@dataclass(frozen=True, slots=True)
class Labelling:
    """Where labels come from when it is not the folder an image lies in; at most one of them.

    >>> Labelling("val.csv").table
    'val.csv'

    Args:
        table: the path of a CSV file with the columns file and label.
        pattern: a regular expression searched in the path from the data folder on, with a group ``label``,
            such as ``r"^(?P<label>\\d+)_"`` for ``0230_n02105855.jpg``.
        member: the name of the labels in array files and dicts, when it is none of label, labels, y.

    Raises:
        UsageError: a value of another kind, or more than one place.
    """

    table: str | os.PathLike[str] | None = None
    pattern: str | None = None
    member: str | None = None

    def __post_init__(self) -> None:
        """Refuses values of another kind, and contradicting sources of labels."""
        arguments.hold_fields(self)
        if sum(value is not None for value in (self.table, self.pattern, self.member)) > 1:
            raise UsageError(
                "QK1036", "labels are to come from two places", hints=["give one of table, pattern, member"]
            )


def available_processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
