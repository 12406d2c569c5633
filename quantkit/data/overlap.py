"""Samples that two sets share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from quantkit.core.statistics import SampleId


class Shared(NamedTuple):
    """The names that one content has in either set."""

    first: str
    second: str


def overlap(first: Iterable[SampleId], second: Iterable[SampleId]) -> list[Shared]:
    """The samples of `second` whose content is also in `first`, whatever they are called; sorted.

    An accuracy measured on images that the ranges were chosen from is too good.

    >>> overlap([SampleId("a.png", "11"), SampleId("b.png", "22")], [SampleId("copy.png", "22")])
    [Shared(first='b.png', second='copy.png')]
    """
    names = {sample.digest: sample.name for sample in sorted(first, reverse=True)}
    return sorted(Shared(names[sample.digest], sample.name) for sample in second if sample.digest in names)
