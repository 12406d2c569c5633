"""Which of several networks to take, each with more in FP32 than the one before: the first that is good enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quantkit.comparison.leads import margin
from quantkit.core.comparison import Comparison, Interval, MetricSummary, Outcome
from quantkit.core.leads import Margin
from quantkit.core.sensitivity import SQNR
from quantkit.core.sensitivity_advice import KEPT, NOT_WON, UNSEEN, WON, Advice

_LEVEL = 0.95
# What the gate tolerates unless it is told otherwise.
_TOLERATED = 0.01


def advice(comparison: Comparison, left_out: Sequence[tuple[str, ...]]) -> Advice:
    """What to leave in FP32, as far as intervals show it.

    Where the data has labels, accuracy decides. INT8 that shows no loss, or one that is shown to be harmless, stays as
    it is. Otherwise the networks remain that no other is shown to beat, and among them noise decides, as it does
    where there are no labels: the first that has half of the gain in SQNR which there is, and shows one, or the first
    before it that it is not shown to be quieter than. What shows no gain itself is only worth a try.

    Args:
        comparison: FP32 against INT8 with nothing left out, and then with more and more of it; with SQNR and rows.
        left_out: the layers that each candidate has in FP32.
    """
    ladder = _Ladder(comparison.candidates)
    steps = range(len(left_out))
    truth = next((summary for summary in ladder.outcomes[0].metrics if summary.difference is not None), None)
    if truth is None or truth.difference is None:
        if ladder.decibels(0) == math.inf:
            return Advice(KEPT, SQNR, level=_LEVEL)
        return ladder.advised(ladder.quietest(steps), left_out, Advice(WON, SQNR, level=_LEVEL))
    told = Advice(KEPT, truth.metric, tolerance=_tolerance(truth), level=_LEVEL)
    least, most = _loss(truth, truth.difference)
    if told.tolerance is not None and most <= told.tolerance:
        return told
    if least <= 0:
        return ladder.advised(ladder.quietest(steps), left_out, replace(told, finding=UNSEEN))
    return ladder.advised(ladder.quietest(ladder.unbeaten(steps, truth.metric)), left_out, replace(told, finding=WON))


def _tolerance(truth: MetricSummary) -> float | None:
    """Harmless losses, of shares; what a figure without a scale of its own may lose nobody knows."""
    if truth.unit != "share" or not truth.higher_is_better or truth.reference is None:
        return None
    return _TOLERATED * truth.reference


def _loss(truth: MetricSummary, difference: Interval) -> tuple[float, float]:
    """The least and the most that the interval leaves possible."""
    return (-difference.high, -difference.low) if truth.higher_is_better else (difference.low, difference.high)


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Networks, by how much of them is in FP32."""

    outcomes: Sequence[Outcome]

    def decibels(self, step: int) -> float:
        """SQNR over all samples."""
        return _summary(self.outcomes[step], SQNR).candidate

    def unbeaten(self, steps: Sequence[int], metric: str) -> list[int]:
        """Those of `steps` that no other of them is shown to be better than."""
        return [step for step in steps if not any(self._beats(other, step, metric) for other in steps if other != step)]

    def quietest(self, steps: Sequence[int]) -> int:
        """The first of `steps` that is quiet enough, as `advice` says."""
        first = steps[0]
        half = (self.decibels(0) + max(self.decibels(step) for step in steps)) / 2
        quiet = [step for step in steps if self.decibels(step) >= half]
        enough = next((step for step in quiet if step == first or self._beats(step, first, SQNR)), first)
        return next(step for step in steps if step == enough or not self._beats(enough, step, SQNR))

    def advised(self, step: int, left_out: Sequence[tuple[str, ...]], told: Advice) -> Advice:
        """`told` with that network, which is advised if a gain is wanted and this very one shows it."""
        gains = {name: self._margin(step, 0, name) for name in dict.fromkeys((told.metric, SQNR))} if step else {}
        if told.finding == WON and any(gain.low > 0 for gain in gains.values()):
            return replace(told, left_out=left_out[step], gains=gains)
        finding = NOT_WON if told.finding == WON else told.finding
        return replace(told, finding=finding, reserve=left_out[step], gains=gains)

    def _beats(self, one: int, other: int, metric: str) -> bool:
        return self._margin(one, other, metric).low > 0

    def _margin(self, one: int, other: int, metric: str) -> Margin:
        first, second = self.outcomes[one], self.outcomes[other]
        if metric == SQNR or _is_right_or_wrong(first, metric):
            pairs = len(self.outcomes) * (len(self.outcomes) - 1) // 2
            return margin(first, second, metric, 1 - (1 - _LEVEL) / pairs)
        return _apart(_summary(first, metric), _summary(second, metric))


def _is_right_or_wrong(outcome: Outcome, metric: str) -> bool:
    return metric in outcome.rows and outcome.rows[metric].dtype.kind == "b"


def _apart(one: MetricSummary, other: MetricSummary) -> Margin:
    """How far the intervals of two differences to one reference are apart: a whole set's figure is no mean of rows."""
    estimate = one.candidate - other.candidate
    low = -math.inf
    if one.difference is not None and other.difference is not None:
        low = _loss(other, other.difference)[0] - _loss(one, one.difference)[1]
    return Margin(estimate if one.higher_is_better else -estimate, low)


def _summary(outcome: Outcome, metric: str) -> MetricSummary:
    return next(summary for summary in outcome.metrics if summary.metric == metric)
