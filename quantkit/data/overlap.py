"""Samples that two sets share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.statistics import SampleId

_Z = 1.959964
"""Standard deviations to either side that hold 95 % of a normal distribution."""


class Shared(NamedTuple):
    """The names that one content has in either set."""

    first: str
    second: str


def overlap(first: Iterable[SampleId], second: Iterable[SampleId]) -> list[Shared]:
    """The samples of `second` whose content is also in `first`, whatever they are called; sorted.

    An accuracy measured on images that the ranges were chosen from is too good. A content is what a source takes it
    for: the bytes of an image file, the values of an array. An image and the array made of it are two contents.

    >>> overlap([SampleId("a.png", "11"), SampleId("b.png", "22")], [SampleId("copy.png", "22")])
    [Shared(first='b.png', second='copy.png')]
    """
    names = {sample.digest: sample.name for sample in sorted(first, reverse=True)}
    return sorted(Shared(names[sample.digest], sample.name) for sample in second if sample.digest in names)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of the samples that models were compared on were also calibrated on, as a sentence.

    >>> print(Overlap(2, 900, "a.png"))
    2 of 900 evaluation samples were also calibrated on, such as a.png: accuracy on them is too good

    Args:
        count: how many; the likeliest number where there is an interval.
        evaluated: of how many.
        example: one of them.
        interval: between which numbers it lies, 95 times in 100; ``None`` where all are known.
    """

    count: int
    evaluated: int
    example: str
    interval: tuple[int, int] | None = None

    def __str__(self) -> str:
        some, between = f"{self.count} of {self.evaluated} evaluation samples", ""
        if self.interval is not None:
            some, between = f"about {some}", f" (95 % interval {self.interval[0]} to {self.interval[1]})"
        return f"{some}{between} were also calibrated on, such as {self.example}: accuracy on them is too good"


def recognized(calibrated: SampleHashes, evaluated: Sequence[SampleId]) -> Overlap | None:
    """The overlap as far as the hashes of what was calibrated on tell it; ``None`` where they know no sample.

    A set whose hashes are all there is counted exactly. Of a larger one they are k contents drawn from N without
    replacement: where x of them are evaluated, N · x / k is an unbiased estimate of all that are, whichever they be.
    Nothing is said where x is 0. So where that is likely, as with 10 shared contents of 100,000, those that something
    is said of are too many by chance, and the interval is rather too high: it holds the truth 82 times in 100.

    Args:
        calibrated: of the samples that the ranges were chosen from.
        evaluated: those that the models were compared on.
    """
    known = calibrated.holds([sample.digest for sample in evaluated])
    found = [sample for sample, is_known in zip(evaluated, known, strict=True) if is_known]
    if not found:
        return None
    example = min(sample.name for sample in found)
    if calibrated.is_whole:
        return Overlap(len(found), len(evaluated), example)
    contents = len({sample.digest for sample in found})
    # As many evaluated samples as one content of the calibration stands for, where a content comes more than once.
    each, most = len(found) / contents, len(evaluated)
    low, high = drawn_share(contents, calibrated.kept, calibrated.distinct)
    estimate, least, largest = (
        round(each * calibrated.distinct * share) for share in (contents / calibrated.kept, low, high)
    )
    return Overlap(min(estimate, most), most, example, (max(least, len(found)), min(largest, most)))


def drawn_share(found: int, drawn: int, size: int) -> tuple[float, float]:
    """A 95 % interval for the share of `size` things that `found` of `drawn` have, drawn without replacement.

    Wilson's score interval for n = drawn · (size − 1) / (size − drawn), as many as had to be drawn with replacement to
    know as much: (p + z²/2n ± z · √(p·(1 − p)/n + z²/4n²)) / (1 + z²/n), p = found / drawn.

    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209–212; the correction as in W. G. Cochran, Sampling Techniques,
    1977.

    >>> [round(end, 4) for end in drawn_share(found=100, drawn=1000, size=10**9)]
    [0.0829, 0.1202]
    >>> [round(end, 4) for end in drawn_share(found=100, drawn=1000, size=1100)]
    [0.0945, 0.1057]
    """
    enough = drawn * (size - 1) / (size - drawn)
    share, doubt = found / drawn, _Z * _Z / enough
    half = math.sqrt(doubt * share * (1 - share) + doubt * doubt / 4)
    middle = share + doubt / 2
    return (middle - half) / (1 + doubt), (middle + half) / (1 + doubt)
