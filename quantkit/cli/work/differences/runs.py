"""Two runs, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from quantkit.cli.work.differences.sheet import Sheet
from quantkit.core.comparison import Comparison, Subject
from quantkit.core.figures import change, milliseconds, sizes, times, unsigned, value
from quantkit.core.timing import time_ratio
from quantkit.gate.baseline import differences
from quantkit.gate.changes import Change, Shared, changes, pairs
from quantkit.report._figures import NOTHING

_WORDS = {True: "better", False: "worse"}


def between(before: Comparison, after: Comparison) -> Sheet:
    """Every metric that both runs have of a model, paired on their common samples; then latency, size and coverage."""
    shared, found = len(Shared.of(before, after)), changes(before, after)
    same = before.data.get("samples_sha256") == after.data.get("samples_sha256")
    figures = list(_figures(before, after))
    whole = "the same ones" if same else f"{shared} of them in both, by name and label; contents may differ"
    moved = differences(before.environment, after.environment)
    rows = [_row(one) for one in found] + [
        [one["model"], one["figure"], *one["shown"], "", ""] for one in figures if one["before"] != one["after"]
    ]
    return Sheet(
        title=f"Two runs on {len(after.samples)} samples",
        lines=[
            f"{len(before.samples)} samples before, {len(after.samples)} after; {whole}",
            *([f"another environment: {'; '.join(moved)}"] if moved else []),
            *([] if found else ["no model and metric is in both"]),
        ],
        head=["model", "metric", "before", "after", "change", "95 % interval", "flips − / +"],
        rows=rows,
        document={
            "kind": "run",
            "same_samples": same,
            "shared_samples": shared,
            "metrics": [asdict(one) | {"moved": _moved(one)} for one in found],
            "figures": [{name: one[name] for name in ("model", "figure", "before", "after")} for one in figures],
            **{f"only_{side}": names for side, names in _alone(before, after).items()},
        },
        remarks=[f"only {side}: {name}" for side, names in _alone(before, after).items() for name in names],
        figures=2,
    )


def _row(one: Change) -> list[str]:
    shown = one.difference
    moved = _moved(one)
    return [
        one.model,
        one.title,
        value(one.before, one.unit),
        value(one.after, one.unit),
        change(0.0 if one.after == one.before else one.after - one.before, one.unit) + (f", {moved}" if moved else ""),
        NOTHING if shown is None else f"[{change(shown.low, one.unit)}, {change(shown.high, one.unit)}]",
        NOTHING if one.flips is None else f"{one.flips[0]} / {one.flips[1]}",
    ]


def _moved(one: Change) -> str:
    """Which way, where the interval shows it."""
    if one.difference is None or one.difference.low <= 0 <= one.difference.high:
        return ""
    return _WORDS[(one.difference.low > 0) is one.higher_is_better]


def _figures(before: Comparison, after: Comparison) -> Iterator[dict[str, Any]]:
    """What is measured or counted once, of every model in both."""
    both = [(before.reference, after.reference), *((one.subject, two.subject) for one, two in pairs(before, after))]
    for first, second in both:
        for name, was, now, shown in _of_subject(first, second):
            yield {"model": second.name, "figure": name, "before": was, "after": now, "shown": shown}
    yield from _speeds(before, after)


def _speeds(before: Comparison, after: Comparison) -> Iterator[dict[str, Any]]:
    """How many times as fast as the reference of its own run each model is, with that run's interval."""
    for first, second in ((one.subject, two.subject) for one, two in pairs(before, after)):
        was = time_ratio(before.reference.latency, first.latency)
        now = time_ratio(after.reference.latency, second.latency)
        if was and now:
            is_shown = was.high < now.low or now.high < was.low
            told = times(now.estimate / was.estimate) if is_shown else "none is shown"
            shown = [
                *(f"{times(one.estimate)} [{unsigned(one.low)}, {unsigned(one.high)}]" for one in (was, now)),
                told,
            ]
            figures = {"before": was.estimate, "after": now.estimate, "shown": shown}
            yield {"model": second.name, "figure": "speed-up", **figures}


def _of_subject(first: Subject, second: Subject) -> Iterator[tuple[str, float, float, list[str]]]:
    if first.latency and second.latency:
        was, now = first.latency.p50_ms, second.latency.p50_ms
        yield "latency p50", was, now, [milliseconds(was), milliseconds(now), times(now / was) if was else NOTHING]
    was, now = first.size_bytes, second.size_bytes
    yield "size", was, now, [*sizes([was, now]), times(now / was) if was else NOTHING]
    if first.coverage and second.coverage:
        shown = [*(f"{one.integer} of {one.total}" for one in (first.coverage, second.coverage)), NOTHING]
        yield "nodes in INT8", first.coverage.share, second.coverage.share, shown


def _alone(before: Comparison, after: Comparison) -> dict[str, list[str]]:
    told = pairs(before, after)
    sides = {
        "before": (before, {one.subject.name for one, _ in told}),
        "after": (after, {two.subject.name for _, two in told}),
    }
    return {
        side: [outcome.subject.name for outcome in run.candidates if outcome.subject.name not in known]
        for side, (run, known) in sides.items()
    }
