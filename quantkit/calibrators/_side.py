"""One side of a histogram, or both folded together: what lies beyond a limit, and what rounding costs below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantkit.core.arrays import Counts, Doubles


@dataclass(frozen=True, slots=True)
class Side:
    """Sums over bins counted outward from zero; lengths are in bin widths, so that powers of two change nothing.

    Values are taken to lie evenly within their bin. With k bins, the last of them occupied:

    Args:
        counts: float64[k+1], values per bin, and 0.
        above: float64[k+1]; ``above[j]`` is the number of values in bin j and beyond.
        first: float64[k+1]; the sum of these values.
        second: float64[k+1]; the sum of their squares.
    """

    counts: Doubles
    above: Doubles
    first: Doubles
    second: Doubles

    @classmethod
    def of(cls, counts: Counts) -> Side:
        """The side with ``counts[j]`` values from j to j+1.

        >>> Side.of(np.array([0, 3, 1, 0])).above.tolist()
        [4.0, 4.0, 1.0, 0.0]
        """
        occupied = int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0
        mass = np.append(counts[:occupied].astype(np.float64), 0.0)
        centre = np.arange(occupied + 1) + 0.5
        # An even spread over a bin adds 1/12 to the square of its centre.
        return cls(mass, _from(mass), _from(mass * centre), _from(mass * (centre * centre + 1 / 12)))

    @property
    def bins(self) -> int:
        """Bins up to the outermost occupied one."""
        return self.counts.size - 1

    def beyond(self, limits: Doubles) -> Doubles:
        """How many values exceed each of `limits`.

        >>> Side.of(np.array([0, 4])).beyond(np.array([0.0, 1.25, 2.0])).tolist()
        [4.0, 3.0, 0.0]
        """
        bins, part = self._placed(limits)
        return np.asarray(self.above[bins] - part * self.counts[bins])

    def cut(self, limits: Doubles) -> Doubles:
        """Σ (x − limit)² over the values beyond each of `limits`: what saturation costs.

        >>> Side.of(np.array([0, 0, 3])).cut(np.array([2.0, 3.0])).tolist()
        [1.0, 0.0]
        """
        return self._squares(limits, limits)

    def error(self, limits: Doubles, steps: Doubles) -> Doubles:
        """Expected Σ (x − x̂)² for codes `steps` apart, the outermost of which stands for the limit.

        What lies nearer to 0 or to the limit than half a step, or beyond the limit, costs its own squared distance to
        it: most values may be far smaller than the largest, and many may equal it. The others lie evenly between two
        codes and cost step²/12 each.
        """
        nearest = np.minimum(steps / 2, limits)
        outermost = np.maximum(limits - steps / 2, nearest)
        to_zero = self.second[0] - self._squares(nearest, np.zeros_like(nearest))
        coded = self.beyond(nearest) - self.beyond(outermost)
        return np.asarray(to_zero + coded * steps * steps / 12 + self._squares(outermost, limits))

    def _squares(self, places: Doubles, limits: Doubles) -> Doubles:
        """Σ (x − limit)² over the values beyond each of `places`."""
        bins, part = self._placed(places)
        outer = np.minimum(bins + 1, self.bins)
        whole = self.second[outer] - 2 * limits * self.first[outer] + limits * limits * self.above[outer]
        # The place's own bin beyond it: n·∫(x − limit)² dx from the place to the bin's edge.
        far, near = bins + 1 - limits, bins + part - limits
        own = self.counts[bins] * (far * far * far - near * near * near) / 3
        return np.asarray(np.maximum(whole, 0.0) + own)

    def _placed(self, limits: Doubles) -> tuple[Counts, Doubles]:
        """The bin that each limit lies in, at most one beyond the last, and the part of it below the limit."""
        bins = np.minimum(limits.astype(np.int64), self.bins)
        return bins, np.minimum(limits - bins, 1.0)


def _from(terms: Doubles) -> Doubles:
    """Sums of the terms from each place to the end."""
    return np.cumsum(terms[::-1])[::-1]
