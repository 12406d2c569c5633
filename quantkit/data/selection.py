"""Which of a source's samples one run reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from quantkit.core import arguments
from quantkit.core.errors import UsageError
from quantkit.core.plugins import did_you_mean


@dataclass(frozen=True, slots=True)
class Selection:
    """A subset of what is not excluded, then a shard of it.

    A subset is the samples whose names rank lowest by SHA-256 of seed and name: spread over all classes, the same
    on every machine, and hardly changed by a file more or less. The order of the source is kept.

    Args:
        shard: ``(i, n)``: every n-th sample from the i-th on, 1 ≤ i ≤ n; the n shards are disjoint and complete.
        max_samples: at most this many samples in the subset.
        sample_fraction: this share of the samples, above 0 and at most 1, rounded, at least one.
        seed: another subset for another seed.
        exclude: names, or globs, of samples to leave out.

    Raises:
        UsageError: a value of another kind or out of its range, or both ways of taking a subset.
    """

    shard: tuple[int, int] = (1, 1)
    max_samples: int | None = None
    sample_fraction: float | None = None
    seed: int = 0
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses values of another kind, and what selects nothing or contradicts itself."""
        arguments.hold_fields(self)
        index, count = self.shard
        if not 1 <= index <= count:
            raise _refused(f"shard {index}/{count} does not exist", "shards are 1/n to n/n")
        if self.max_samples is not None and self.max_samples < 1:
            raise _refused(f"max_samples is {self.max_samples}", "give 1 or more")
        if self.sample_fraction is not None and not 0 < self.sample_fraction <= 1:
            raise _refused(f"sample_fraction is {self.sample_fraction}", "give a share above 0 and at most 1")
        if self.max_samples is not None and self.sample_fraction is not None:
            raise _refused("max_samples and sample_fraction are both given", "give one of them")

    def positions(self, names: Sequence[str]) -> tuple[int, ...]:
        """The chosen positions in `names`, ascending.

        Raises:
            UsageError: a name or glob to exclude that none of `names` matches.

        >>> Selection(shard=(2, 3)).positions(["a", "b", "c", "d", "e"])
        (1, 4)
        >>> len(Selection(max_samples=2).positions(["a", "b", "c"]))
        2
        """
        chosen: Sequence[int] = self._left(names) if self.exclude else range(len(names))
        wanted = self._subset_size(len(chosen))
        if wanted < len(chosen):
            chosen = sorted(sorted(chosen, key=lambda position: self._rank(names[position]))[:wanted])
        index, count = self.shard
        return tuple(chosen[index - 1 :: count])

    def _left(self, names: Sequence[str]) -> Sequence[int]:
        """The positions of the samples that are not excluded."""
        excluded: set[str] = set()
        for glob in self.exclude:
            matches = {name for name in names if name == glob or fnmatchcase(name, glob)}
            if not matches:
                title, near = f"no sample is called {glob!r}, so none can be left out", did_you_mean(glob, list(names))
                raise UsageError("QK1039", title, hints=[*near, "names begin at the data folder, as class1/img.png"])
            excluded |= matches
        return [position for position, name in enumerate(names) if name not in excluded]

    def _subset_size(self, available: int) -> int:
        if self.max_samples is not None:
            return min(self.max_samples, available)
        if self.sample_fraction is not None:
            return max(1, round(self.sample_fraction * available))
        return available

    def _rank(self, name: str) -> bytes:
        return hashlib.sha256(f"{self.seed}:{name}".encode("utf-8", "surrogatepass")).digest()

    def __str__(self) -> str:
        """The selection in the words of the command line."""
        parts = []
        if self.max_samples is not None:
            parts.append(f"--max-samples {self.max_samples}")
        if self.sample_fraction is not None:
            parts.append(f"--sample-fraction {self.sample_fraction:g}")
        if self.exclude:
            parts.append(f"--exclude-samples {' '.join(self.exclude)}")
        if self.shard != (1, 1):
            parts.append(f"--shard {self.shard[0]}/{self.shard[1]}")
        return " ".join(parts) or "every sample"


def _refused(title: str, hint: str) -> UsageError:
    return UsageError("QK1033", title, hints=[hint])
