"""From the times of calls to a latency, and from two latencies to a ratio that says how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from quantkit.core.comparison import Interval, Latency

PERCENTILES: Mapping[str, float] = {"p50": 50.0, "p90": 90.0}
"""Those that a latency has, by name."""

# Nanoseconds: what is beyond them no clock tells, and no reader wants in a file.
_DIGITS = 6


def summarized(blocks: Sequence[Sequence[float]], *, batch: int, warmup: int) -> Latency:
    """The latency of calls that fell into blocks.

    Args:
        blocks: milliseconds of each counted call.
        batch: samples a call.
        warmup: calls that were not counted.
    """
    p50s, p90s = (tuple(round(at, _DIGITS) for at in _each(blocks, share)) for share in PERCENTILES.values())
    p50, p90 = (_each([list(chain.from_iterable(blocks))], share)[0] for share in PERCENTILES.values())
    return Latency(p50, p90, sum(map(len, blocks)), batch, warmup, p50s, p90s)


def _each(blocks: Sequence[Sequence[float]], share: float) -> list[float]:
    return [float(np.percentile(block, share)) for block in blocks]


def time_ratio(
    one: Latency | None, other: Latency | None, *, percentile: str = "p50", level: float = 0.95
) -> Interval | None:
    """How many times as long `one` takes as `other`, block by block, with an interval; ``None`` without blocks.

    The ratio of what the two latencies tell, within two order statistics of the blocks' ratios, whatever their
    distribution; an interval that it lies outside of is widened to hold it. Single rounds would not do: what slows a
    machine lasts for many of them, and intervals of correlated ratios are too narrow. Taken round by round, a true
    ratio is missed half of the time where neighbours correlate by 0.85, instead of 1 time in 20; with blocks of 20 that
    happens to 1 in 20 up to 0.9, and to 1 in 10 at 0.95. Blocks of calls on models that were loaded anew also differ by
    where in memory they came to lie, so that the interval covers that as well; TensorRT's engines stay where they are,
    which moves them by 0.3 %.

    W. R. Thompson, Annals of Mathematical Statistics 7 (1936), 122–128, for the interval; B. Schmeiser, Operations
    Research 30 (1982), 556–568, for 10 to 30 blocks; T. Kalibera and R. Jones, ISMM 2013, 63–74, for loading anew.

    Args:
        one: of a model. other: of another, timed by turns with it.
        percentile: ``"p50"`` or ``"p90"``: which of each block's times.
        level: how often the interval holds the true ratio.
    """
    if one is None or other is None:
        return None
    (own, mine), (its, others) = _measured(one, percentile), _measured(other, percentile)
    # A file may hold anything.
    if not mine or len(mine) != len(others) or not all(0 < spent < math.inf for spent in (own, its, *mine, *others)):
        return None
    ratios = [block / same for block, same in zip(mine, others, strict=True)]
    low, high = median_interval(ratios, level)
    # Readers divide one shown latency by the other; a median of ratios may contradict them.
    told = own / its
    return Interval(told, min(low, told), max(high, told), level, f"order statistics of {len(ratios)} blocks' ratios")


def _measured(latency: Latency, percentile: str) -> tuple[float, tuple[float, ...]]:
    """Milliseconds over all calls, and in each block."""
    if percentile == "p50":
        return latency.p50_ms, latency.p50s_ms
    return latency.p90_ms, latency.p90s_ms


def median_interval(values: Sequence[float], level: float) -> tuple[float, float]:
    """Two of the values, in order the k-th and the k-th last, between which the median lies with this probability.

    1 − 2 · P(X < k) ≥ level, X ~ Binomial(n, ½), with the largest such k; for values of a positive quantity, 0 and
    infinity where there is none.

    >>> median_interval([float(value) for value in range(1, 11)], 0.95)
    (2.0, 9.0)
    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95)
    (0.0, inf)
    """
    ordered, below, rank = sorted(values), 0.0, 0
    number = len(ordered)
    for count in range(number // 2):
        ways = math.lgamma(number + 1) - math.lgamma(count + 1) - math.lgamma(number - count + 1)
        below += math.exp(ways - number * math.log(2))
        if below > (1 - level) / 2:
            break
        rank = count + 1
    return (ordered[rank - 1], ordered[-rank]) if rank else (0.0, math.inf)
