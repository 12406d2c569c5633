"""Which of several candidates to take, in a sentence: no more than is shown, and with the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quantkit.core.comparison import Comparison, Interval, Subject
from quantkit.core.figures import change, times
from quantkit.core.leads import Lead
from quantkit.core.text import shortened
from quantkit.core.timing import time_ratio

# They say how near the answers are to the reference's, not whether they are right.
_OF_CLOSENESS = frozenset({"agreement", "sqnr"})
_NOISE = "sqnr"

# Models of one structure differ by up to that much from one process to the next.
_FASTER = 1.02


def choice(comparison: Comparison) -> list[str]:
    """The sentence; none where there is nothing to choose from, or a run does not say who leads."""
    leads = comparison.leads
    subjects = {outcome.subject.name: outcome.subject for outcome in comparison.candidates}
    rivals = list(dict.fromkeys(name for lead in leads for name in (lead.name, *lead.over)))
    # A file may name models that it does not hold.
    if not leads or not subjects.keys() >= set(rivals) or not leads[-1].over:
        return []
    taken, last = subjects[leads[-1].name], leads[-1]
    told = _undecided(comparison, taken) if last.open else _decided(taken, last, comparison.reference.name)
    faster = _faster(taken, {name: subjects[name] for name in rivals if name != taken.name})
    return ["; ".join([told, *_before(leads[:-1], alone=bool(last.open)), *faster])]


def _decided(taken: Subject, lead: Lead, reference: str) -> str:
    role = f"closest to {reference}" if lead.metric in _OF_CLOSENESS else "most accurate"
    following = min(lead.over, key=lambda other: lead.over[other].low)
    margin, several = lead.over[following], len(lead.over) > 1
    where = " on the median sample" if lead.metric == _NOISE else ""
    return (
        f"{role}: {_named(taken)}, whose {_title(lead)} is {_size(margin.estimate, lead)} above that of "
        f"{following}{', the next,' if several else ''}{where}, at least {_size(margin.low, lead)} ({_within(lead)})"
    )


def _undecided(comparison: Comparison, taken: Subject) -> str:
    """What could not be told apart, and who is ahead by the figure alone."""
    last = comparison.leads[-1]
    told = f"no difference between {_joined([last.name, *last.open], 'and')} is shown"
    told += f" by {len(comparison.samples)} samples"
    if any(last.over[other].estimate > 0 for other in last.open):
        told += f"; {_named(taken)} has the higher {_title(last)}"
    return f"{told}; worse in {_title(last)}: {_joined(last.beaten, 'and')}" if last.beaten else told


def _before(leads: Sequence[Lead], *, alone: bool) -> list[str]:
    """What the metrics that go first showed; `alone`: that they showed nothing is said already."""
    open_ = [_title(lead) for lead in leads if not lead.beaten]
    told = [f"no difference in {_joined(open_, 'or')} between them is shown"] if open_ and not alone else []
    return [*told, *(f"worse in {_title(lead)}: {_joined(lead.beaten, 'and')}" for lead in leads if lead.beaten)]


def _faster(taken: Subject, others: Mapping[str, Subject]) -> list[str]:
    """The fastest of those that are shown to be faster than the one to take."""
    level = 1 - 0.05 / len(others)
    ratios = {name: time_ratio(taken.latency, other.latency, level=level) for name, other in others.items()}
    found: dict[str, Interval] = {name: ratio for name, ratio in ratios.items() if ratio and ratio.low > _FASTER}
    if not found:
        return []
    name = max(found, key=lambda other: found[other].estimate)
    fast = found[name]
    return [f"{name} is faster: {times(fast.estimate)} as fast, at least {times(fast.low)} (95 % interval)"]


def _named(subject: Subject) -> str:
    return f"{subject.name} ({shortened(subject.path, 120)})"


def _title(lead: Lead) -> str:
    return lead.title or lead.metric


def _size(figure: float, lead: Lead) -> str:
    return change(figure, lead.unit).removeprefix("+")


def _within(lead: Lead) -> str:
    return f"{100 * lead.level:g} % interval{', all pairs together' if len(lead.over) > 1 else ''}"


def _joined(names: Sequence[str], word: str) -> str:
    """Names as a sentence lists them.

    >>> _joined(["max", "mse", "entropy"], "and"), _joined(["max"], "and")
    ('max, mse and entropy', 'max')
    """
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
