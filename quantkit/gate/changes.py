"""What moved from one run to another: every metric of every model in both, sample by sample where that can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from quantkit.core.arrays import Array, Counts
from quantkit.core.comparison import Comparison, Interval, MetricSummary, Outcome
from quantkit.gate.evidence import Evidence, Flips, Pairs, drawn, turned
from quantkit.gate.paired import between, own_values, reference_values


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one model in two runs.

    Args:
        model: its name; two names where two models stand for each other.
        metric: plug-in name.
        title: what tables call it.
        unit: of both figures.
        before: the figure of the first run, on the samples of both where those are known one by one.
        after: of the second.
        samples: how many samples both runs have, where the figures are of these.
        difference: after − before, paired, with a 95 % interval.
        flips: how many samples turned wrong, and how many right.
        higher_is_better: the direction.
    """

    model: str
    metric: str
    title: str
    unit: str
    before: float
    after: float
    samples: int | None = None
    difference: Interval | None = None
    flips: tuple[int, int] | None = None
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The samples of both runs, by name and label: int64[n], their places in each."""

    before: Counts
    after: Counts

    @classmethod
    def of(cls, before: Comparison, after: Comparison) -> Shared:
        """In the order of the first run."""
        places = {name: place for place, name in enumerate(after.samples)}
        mine = [place for place, name in enumerate(before.samples) if name in places]
        theirs = [places[before.samples[place]] for place in mine]
        found = cls(np.array(mine, np.int64), np.array(theirs, np.int64))
        if before.labels is None or after.labels is None:
            return found
        alike = before.labels[found.before] == after.labels[found.after]
        return cls(found.before[alike], found.after[alike])

    def __len__(self) -> int:
        return len(self.before)


def pairs(before: Comparison, after: Comparison) -> list[tuple[Outcome, Outcome]]:
    """Candidates of one name; or the only ones of both runs, whatever they are called."""
    if len(before.candidates) == len(after.candidates) == 1:
        return [(before.candidates[0], after.candidates[0])]
    others = {outcome.subject.name: outcome for outcome in after.candidates}
    return [(one, others[one.subject.name]) for one in before.candidates if one.subject.name in others]


def changes(before: Comparison, after: Comparison) -> list[Change]:
    """Every metric of every model in both runs, the reference's own figures first."""
    shared = Shared.of(before, after)
    found = [*_of_reference(before, after, shared), *_of_candidates(before, after, shared)]
    evidence = iter(drawn([one.evidence for one in found if one.evidence is not None]))
    return [one.change if one.evidence is None else _shown(one.change, next(evidence)) for one in found]


@dataclass(frozen=True, slots=True)
class _Found:
    """A change whose interval is not known yet; `evidence` where it can be."""

    change: Change
    evidence: Evidence | Pairs | None


def _of_reference(before: Comparison, after: Comparison, shared: Shared) -> Iterator[_Found]:
    if not (before.candidates and after.candidates):
        return
    first, second = before.candidates[0], after.candidates[0]
    for summary, other in _metrics(first, second):
        if summary.reference is not None and other.reference is not None:
            columns = reference_values(first, summary), reference_values(second, other)
            figures = summary.reference, other.reference
            yield _found(before.reference.name, summary, figures, columns, shared)


def _of_candidates(before: Comparison, after: Comparison, shared: Shared) -> Iterator[_Found]:
    for first, second in pairs(before, after):
        names = dict.fromkeys([first.subject.name, second.subject.name])
        for summary, other in _metrics(first, second):
            columns = own_values(first, summary), own_values(second, other)
            yield _found(" → ".join(names), summary, (summary.candidate, other.candidate), columns, shared)


def _metrics(first: Outcome, second: Outcome) -> Iterator[tuple[MetricSummary, MetricSummary]]:
    for summary in first.metrics:
        other = second.metric(summary.metric)
        if other is not None:
            yield summary, other


def _found(
    model: str,
    summary: MetricSummary,
    figures: tuple[float, float],
    columns: tuple[Array | None, Array | None],
    shared: Shared,
) -> _Found:
    title, better = summary.title or summary.metric, summary.higher_is_better
    bare = Change(model, summary.metric, title, summary.unit, *figures, higher_is_better=better)
    if columns[0] is None or columns[1] is None or not len(shared):
        return _Found(bare, None)
    was, now = columns[0][shared.before], columns[1][shared.after]
    paired = replace(bare, before=float(was.mean()), after=float(now.mean()), samples=len(shared))
    return _Found(paired, between(was, now))


def _shown(change: Change, evidence: Evidence) -> Change:
    """With what the samples show about it; evidence tells of drops, which are turned here."""
    flips = (evidence.regressed, evidence.fixed) if isinstance(evidence, Flips) else None
    return replace(change, difference=turned(evidence.bounds(0.025)), flips=flips)
