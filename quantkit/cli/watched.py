"""Sources with something taken away or looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from quantkit.core.ports import BatchSource, Samples
from quantkit.core.statistics import SampleId


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A source whose labels nobody may use, as those of data that ranges were chosen on."""

    source: BatchSource

    @property
    def size(self) -> int | None:
        """Samples in one pass."""
        return self.source.size

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """What was done to each sample."""
        return self.source.preprocessing

    def __iter__(self) -> Iterator[Samples]:
        for samples in self.source:
            yield replace(samples, labels=None)

    def __repr__(self) -> str:
        return repr(self.source)


@dataclass(frozen=True, slots=True)
class Watched:
    """A source that remembers who came by, in any pass, whole or not."""

    source: BatchSource
    seen: dict[SampleId, None] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[SampleId, ...]:
        """Everyone once, in the order of coming."""
        return tuple(self.seen)

    @property
    def size(self) -> int | None:
        """Samples in one pass."""
        return self.source.size

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """What was done to each sample."""
        return self.source.preprocessing

    def __iter__(self) -> Iterator[Samples]:
        for samples in self.source:
            self.seen.update(dict.fromkeys(samples.ids))
            yield samples

    def __repr__(self) -> str:
        return repr(self.source)
