"""What the figures of a comparison allow to be said, in sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from quantkit.core.comparison import DOUBTFUL, Comparison, Coverage, Interval, MetricSummary, Outcome, Subject
from quantkit.core.figures import change, plain, times
from quantkit.core.text import shortened
from quantkit.core.timing import time_ratio
from quantkit.report._choice import choice

# Longer lists are read by nobody in a terminal or a job summary; the whole is in run.json.
_LINES = 30
_LETTERS = 400

# Digests that only a program compares, and a number that the doubt about it tells.
_FOR_PROGRAMS = frozenset(
    {
        "calibrated_on",
        "calibrated_on_interval",
        "calibration",
        "model",
        "samples_digest",
        "samples_sha256",
        "version",
    }
)

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading; `background` is what most readers skip."""

    title: str
    lines: tuple[str, ...]
    background: bool = False


def model_names(comparison: Comparison, limit: int) -> list[str]:
    """The reference's name and every candidate's, of at most `limit` characters; in full they stand below."""
    subjects = [comparison.reference, *(outcome.subject for outcome in comparison.candidates)]
    return [shortened(subject.name, limit) for subject in subjects]


def headline(comparison: Comparison) -> str:
    """Who was compared, on how much.

    The number of samples stands in every heading, as no figure below means anything without it.
    """
    first, *names = model_names(comparison, 60)
    others = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"
    return f"{first} against {others} on {len(comparison.samples)} samples"


def sections(comparison: Comparison) -> list[Section]:
    """Everything below the table: what it shows, notes, what stayed in float, where it comes from."""
    found = [
        Section(
            "What this shows",
            (*doubts(comparison), *_verdicts(comparison), *_speeds(comparison), *choice(comparison)),
        ),
        Section("Notes", tuple(note for note in comparison.notes if not note.startswith(DOUBTFUL))),
        *_left_in_float(outcome for outcome in comparison.candidates if not comparison.is_yardstick(outcome)),
        Section("Provenance", tuple(_provenance(comparison)), background=True),
    ]
    return [
        Section(shortened(section.title, _LETTERS), _capped(section.lines), section.background)
        for section in found
        if section.lines
    ]


def doubts(comparison: Comparison) -> list[str]:
    """What has to be read before any figure of accuracy."""
    return [note.removeprefix(DOUBTFUL) for note in comparison.notes if note.startswith(DOUBTFUL)]


def _capped(lines: tuple[str, ...]) -> tuple[str, ...]:
    shown = tuple(shortened(line, _LETTERS) for line in lines[:_LINES])
    return shown if len(lines) <= _LINES else (*shown, f"… and {len(lines) - _LINES} more, in the run's JSON")


def _verdicts(comparison: Comparison) -> list[str]:
    told = [
        f"{outcome.subject.name}: {verdict(summary, summary.difference)}"
        for outcome in comparison.candidates
        for summary in [summary for summary in outcome.metrics if summary.difference][:1]
        if summary.difference
    ]
    return told or ["Accuracy was not measured: the figures say how far outputs moved, not whether it matters."]


def verdict(summary: MetricSummary, difference: Interval) -> str:
    """What the paired interval of a metric's difference shows, and what it does not."""
    title = summary.title or summary.metric
    gain, low, high = difference.estimate, difference.low, difference.high
    if not summary.higher_is_better:
        gain, low, high = -gain, -high, -low
    within = f"{100 * difference.level:g} % interval"
    if low > 0:
        return (
            f"{title} is better by {_size(gain, summary)}, at least {_size(low, summary)} ({within}){_flips(summary)}"
        )
    if high < 0:
        return (
            f"{title} is worse by {_size(gain, summary)}, at least {_size(high, summary)} ({within}){_flips(summary)}"
        )
    return (
        f"no difference in {title} is shown by {summary.samples} {_units(summary)}{_flips(summary)}; "
        f"it may still be worse by up to {_size(low, summary)} ({within}){_power(summary)}"
    )


def _speeds(comparison: Comparison) -> list[str]:
    """What the paired interval of each candidate's speed shows; nothing of runs that do not know it."""
    reference = comparison.reference
    found = [
        (outcome.subject, time_ratio(reference.latency, outcome.subject.latency)) for outcome in comparison.candidates
    ]
    return [
        f"{subject.name}: {speed(ratio, subject, reference.name)}"
        for subject, ratio in found
        if ratio and not subject.is_simulated
    ]


def speed(ratio: Interval, subject: Subject, reference: str) -> str:
    """What is shown about a model's speed, by how many times as long the reference takes."""
    within = f"{100 * ratio.level:g} % interval"
    if ratio.low > 1:
        return f"{times(ratio.estimate)} as fast as {reference}, at least {times(ratio.low)} ({within})"
    if ratio.high < 1:
        return f"slower: {times(ratio.estimate)} as fast as {reference}, at most {times(ratio.high)} ({within})"
    calls = subject.latency.runs if subject.latency else 0
    return (
        f"no difference in speed is shown by {calls} calls; it may be {times(ratio.low)} to {times(ratio.high)} "
        f"as fast as {reference} ({within})"
    )


def _units(summary: MetricSummary) -> str:
    """What was counted: the trials of a verification are pairs."""
    return "pairs" if "pairs" in summary.facts else "samples"


def _size(figure: float, summary: MetricSummary) -> str:
    return change(abs(figure), summary.unit).removeprefix("+")


def _flips(summary: MetricSummary) -> str:
    """How often the models differ, and how likely so uneven a split is by chance."""
    regressed, fixed, p_value = (summary.facts.get(name) for name in ("regressed", "fixed", "p_value"))
    if regressed is None or fixed is None or p_value is None:
        return ""
    return f" ({regressed:.0f} regressed, {fixed:.0f} fixed, exact McNemar p = {plain(p_value, digits=2)})"


def _power(summary: MetricSummary) -> str:
    detectable = summary.facts.get("minimum_detectable_drop")
    if detectable is None:
        return ""
    return f"; this many would find a true drop of {_size(detectable, summary)} 4 times in 5"


def _left_in_float(outcomes: Iterable[Outcome]) -> list[Section]:
    """A section for each set of candidates that leave the same nodes in float."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for outcome in outcomes:
        coverage = outcome.subject.coverage
        if coverage is not None:
            alike.setdefault(tuple(_reasons(coverage)), []).append(outcome.subject.name)
    return [
        Section(f"Not in INT8: {', '.join(names)}", lines, background=True) for lines, names in alike.items() if lines
    ]


def _reasons(coverage: Coverage) -> list[str]:
    """A line for each operator, precision and reason, the most frequent first, with a node as an example."""
    floating = [node for node in coverage.nodes if node.precision != "int8"]
    kinds = Counter((node.operator, node.precision, node.reason) for node in floating)
    examples = {(node.operator, node.precision, node.reason): node.node for node in reversed(floating)}
    return [
        f"{times} × {kind[0]} in {kind[1]}: {kind[2] or 'no reason known'} ({_example(examples[kind], times)})"
        for kind, times in kinds.most_common()
    ]


def _example(node: str, times: int) -> str:
    return f"{'such as ' if times > 1 else ''}{shortened(node, 60) or 'unnamed'}"


def _provenance(comparison: Comparison) -> list[str]:
    subjects = [comparison.reference, *(outcome.subject for outcome in comparison.candidates)]
    lines = [f"{subject.name}: {_origin(subject)}" for subject in subjects]
    if comparison.data:
        lines.append(f"data: {_listed(comparison.data)}")
    if comparison.command:
        lines.append(f"command: {comparison.command}")
    if comparison.environment:
        lines.append(f"environment: {_listed(comparison.environment)}")
    if timed := comparison.reference.latency:
        blocks = f"in {len(timed.p50s_ms)} blocks, " if timed.p50s_ms else ""
        lines.append(f"latency: {timed.runs} calls each, in turns, {blocks}after {timed.warmup} uncounted ones")
    return [*lines, *_methods(comparison)]


def _origin(subject: Subject) -> str:
    parts = [shortened(subject.path, 160), f"content {subject.digest[:12]}", _listed(subject.provenance)]
    return ", ".join(part for part in parts if part)


def _listed(facts: Mapping[str, str]) -> str:
    """Facts that fit a line: whole records and what is not the case stand in the run's JSON alone."""
    told = {name.removeprefix("quantkit."): fact for name, fact in facts.items() if fact not in ("", "false")}
    short = {name: fact for name, fact in told.items() if name not in _FOR_PROGRAMS and not fact.startswith("{")}
    return ", ".join(f"{name} {_fact(fact)}" for name, fact in short.items())


def _fact(fact: str) -> str:
    return fact[:12] if _DIGEST.fullmatch(fact) else shortened(fact, 120)


def _methods(comparison: Comparison) -> list[str]:
    """How the intervals were made, a line for each way."""
    titles: dict[str, list[str]] = {}
    for summary in (summary for outcome in comparison.candidates for summary in outcome.metrics):
        interval, title = summary.difference or summary.interval, summary.title or summary.metric
        if interval is not None and interval.method and title not in titles.setdefault(interval.method, []):
            titles[interval.method].append(title)
    for outcome in comparison.candidates:
        if ratio := time_ratio(comparison.reference.latency, outcome.subject.latency):
            titles[ratio.method] = ["speed-up"]
    return [f"intervals of {', '.join(named)}: {method}" for method, named in titles.items()]
