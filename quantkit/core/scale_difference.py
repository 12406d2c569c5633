"""Two sets of scales side by side: how far apart, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """One tensor's largest kept magnitude in both."""

    tensor: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times as wide the second is."""
        return self.after / self.before


@dataclass(frozen=True, slots=True)
class ScaleDifference:
    """What two sets of scales have in common, and what not.

    Args:
        pairs: the tensors in both, the largest change first, whichever its direction.
        only_before: tensors in the first alone, in its order.
        only_after: tensors in the second alone.
    """

    pairs: tuple[Pair, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @classmethod
    def of(cls, before: Mapping[str, np.float32], after: Mapping[str, np.float32]) -> ScaleDifference:
        """Compares scale by scale; a tensor that was always 0, and so has scale 0, says nothing and is left out.

        >>> ScaleDifference.of({"a": np.float32(1), "b": np.float32(1)}, {"b": np.float32(2)}).only_before
        ('a',)
        """
        before, after = ({name: scale for name, scale in scales.items() if scale != 0} for scales in (before, after))
        shared = [
            Pair(name, 127 * float(scale), 127 * float(after[name])) for name, scale in before.items() if name in after
        ]
        return cls(
            tuple(sorted(shared, key=lambda pair: -abs(log(pair.ratio)))),
            tuple(name for name in before if name not in after),
            tuple(name for name in after if name not in before),
        )

    @property
    def equal(self) -> int:
        """In how many tensors both are equal to the last bit."""
        return sum(pair.before == pair.after for pair in self.pairs)

    @property
    def mean_change(self) -> float | None:
        """Mean of |ratio − 1| over the tensors in both; ``None`` without any."""
        return float(np.mean([abs(pair.ratio - 1) for pair in self.pairs])) if self.pairs else None

    @property
    def correlation(self) -> float | None:
        """Pearson's coefficient of the logarithms, in which scales are compared by factors.

        ``None`` where it is not defined: below two tensors, or with equal scales throughout on one side.
        """
        logs = np.log([(pair.before, pair.after) for pair in self.pairs]).reshape(-1, 2)
        if len(logs) < 2 or np.ptp(logs, axis=0).min() == 0:
            return None
        return float(np.corrcoef(logs.T)[0, 1])
