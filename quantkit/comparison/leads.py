"""Which candidate is to be preferred, by what tells candidates apart on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from quantkit.comparison.proportions import paired_difference
from quantkit.core.comparison import Comparison, Outcome
from quantkit.core.leads import Lead, Margin
from quantkit.core.timing import median_interval

_LEVEL = 0.95
_KEPT, _NOISE = "agreement", "sqnr"


def leads(comparison: Comparison) -> tuple[Lead, ...]:
    """Who leads in right answers, then in answers kept, then in the noise of each sample.

    Each takes in only those that the ones before could not tell from their leader; the last one's leader is the choice,
    and a choice that is shown where it has beaten all that were left. Nothing where fewer than two candidates compute
    anything in integers: engines in floats are there to measure them by.

    All pairs of those left are bounded together (Bonferroni), as who leads is seen in the same samples.

    Args:
        comparison: with the rows of every outcome.
    """
    left = [outcome for outcome in comparison.candidates if _takes_part(comparison, outcome)]
    found: list[Lead] = []
    for metric in _metrics(left):
        if len(left) < 2:
            break
        lead = _lead(metric, left)
        found.append(lead)
        left = [outcome for outcome in left if outcome.subject.name in (lead.name, *lead.open)]
    return tuple(found)


def _takes_part(comparison: Comparison, outcome: Outcome) -> bool:
    coverage = outcome.subject.coverage
    return not comparison.is_yardstick(outcome) and (coverage is None or coverage.integer > 0)


def _metrics(outcomes: Sequence[Outcome]) -> list[str]:
    """Those that every outcome has a column of: the first accuracy, then agreement and noise."""
    told = outcomes[0].metrics if outcomes else ()
    right = [summary.metric for summary in told if summary.difference is not None]
    answers = [metric for metric in right if _is_in_all(metric, "b", outcomes)][:1]
    kept = [_KEPT] if _is_in_all(_KEPT, "b", outcomes) else []
    return [*answers, *kept, *([_NOISE] if _is_in_all(_NOISE, "f", outcomes) else [])]


def _is_in_all(metric: str, kind: str, outcomes: Sequence[Outcome]) -> bool:
    return all(
        outcome.metric(metric) is not None and metric in outcome.rows and outcome.rows[metric].dtype.kind == kind
        for outcome in outcomes
    )


def _lead(metric: str, outcomes: Sequence[Outcome]) -> Lead:
    pairs = len(outcomes) * (len(outcomes) - 1) // 2
    level = 1 - (1 - _LEVEL) / pairs
    summaries = [(summary, outcome) for outcome in outcomes for summary in outcome.metrics if summary.metric == metric]
    best, first = max(summaries, key=lambda pair: pair[0].candidate)
    over = {other.subject.name: margin(first, other, metric, level) for other in outcomes if other is not first}
    return Lead(metric, first.subject.name, over, _LEVEL, best.unit, best.title)


def margin(first: Outcome, other: Outcome, metric: str, level: float) -> Margin:
    """How much better one outcome is than another on the same samples: in right answers, or in the noise of each.

    Args:
        first: the better one. other: another of the same comparison; both with rows.
        metric: ``"sqnr"``, or one whose rows say right or wrong.
        level: of the interval whose lower end is the margin's.
    """
    return (_margin_of_noise if metric == _NOISE else _margin_of_shares)(first, other, metric, level)


def _margin_of_shares(first: Outcome, other: Outcome, metric: str, level: float) -> Margin:
    """A paired difference of two shares."""
    mine, theirs = first.rows[metric], other.rows[metric]
    lost, gained = int(np.count_nonzero(theirs & ~mine)), int(np.count_nonzero(mine & ~theirs))
    found = paired_difference(lost, gained, len(mine), level)
    return Margin(found.estimate, found.low)


def _margin_of_noise(first: Outcome, other: Outcome, metric: str, level: float) -> Margin:
    """The median over samples, with its distribution-free bound: few samples show nothing, and outliers move little."""
    with np.errstate(invalid="ignore"):
        differences = first.rows[metric] - other.rows[metric]
    # Of two infinities of one sign neither is the larger.
    known = np.where(np.isnan(differences), 0.0, differences).tolist()
    low, _ = median_interval(known, level)
    return Margin(median(known), min(low, median(known)))
