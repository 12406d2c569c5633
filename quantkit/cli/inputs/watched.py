"""Sources with something taken away, looked at, or cut smaller."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from quantkit.cli.process import watchdog
from quantkit.core.errors import OutOfMemoryError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.data.checked import Checked
from quantkit.data.derived import Derived

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Unlabelled(Derived):
    """A source whose labels nobody may use, as those of data that ranges were chosen on."""

    def __iter__(self) -> Iterator[Samples]:
        for samples in self.source:
            yield replace(samples, labels=None)


@dataclass(frozen=True, slots=True, repr=False)
class Watched(Derived):
    """A source that remembers who came by, in any pass, whole or not."""

    seen: dict[SampleId, None] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[SampleId, ...]:
        """Everyone once, in the order of coming."""
        return tuple(self.seen)

    def __iter__(self) -> Iterator[Samples]:
        for samples in self.source:
            self.seen.update(dict.fromkeys(samples.ids))
            yield samples


@dataclass(frozen=True, slots=True, repr=False)
class Halved(Derived):
    """A source whose batches come in two parts, for a machine that has no room for them."""

    def __iter__(self) -> Iterator[Samples]:
        for samples in self.source:
            middle = (len(samples) + 1) // 2
            yield samples.part(slice(None, middle))
            if middle < len(samples):
                yield samples.part(slice(middle, None))


@dataclass(frozen=True, slots=True, repr=False)
class Followed(Derived):
    """A source whose batches the watchdog sees leave."""

    def __iter__(self) -> Iterator[Samples]:
        dog = watchdog.on_duty()
        if dog is None:
            yield from self.source
            return
        dog.begin()
        try:
            for samples in self.source:
                dog.hand_out(samples.ids)
                yield samples
        except BaseException:
            # Whoever looks at a few samples only, as a stopwatch does, takes the time that it takes.
            dog.rest()
            raise
        dog.close()


Made = TypeVar("Made")


def within_memory(work: Callable[[Checked], Made], data: Checked, *, may_halve: bool) -> Made:
    """What `work` makes of `data`; where memory runs out and `may_halve` is said, of the same in halved batches.

    Raises:
        OutOfMemoryError: halved batches are too large as well, or must not be made.
    """
    try:
        return work(data)
    except (OutOfMemoryError, MemoryError) as refusal:
        if not may_halve:
            raise
        said = getattr(refusal, "title", "not enough memory")
    # Outside of the handler, which keeps alive what has run out of memory.
    _log.warning("%s: going on with batches of half the size", said)
    return work(replace(data, source=Halved(data.source)))
