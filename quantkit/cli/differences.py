"""Two files of one kind, side by side."""

from __future__ import annotations

import math
from pathlib import Path

from quantkit.cli.columns import aligned
from quantkit.cli.command import Result
from quantkit.cli.inspection import kind_of
from quantkit.core import run
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison, MetricSummary
from quantkit.core.errors import UsageError
from quantkit.core.text import printable


def between(before: Path, after: Path) -> Result:
    """The differences of two calibrations or of two runs."""
    kinds = kind_of(before), kind_of(after)
    if kinds[0] != kinds[1]:
        title = f"{before.name} is a {_word(kinds[0])} and {after.name} a {_word(kinds[1])}"
        raise UsageError("QK1088", title, hints=["give two calibrations or two runs"])
    if kinds[0] == CALIBRATION:
        return _of_calibrations(Calibration.load(before), Calibration.load(after))
    return _of_runs(run.load(before), run.load(after))


def _word(schema: str) -> str:
    return schema.partition("/")[0].rpartition(".")[2]


def _of_calibrations(before: Calibration, after: Calibration) -> Result:
    shared = sorted(before.tensors.keys() & after.tensors.keys())
    only = {
        "before": sorted(before.tensors.keys() - after.tensors.keys()),
        "after": sorted(after.tensors.keys() - before.tensors.keys()),
    }
    widths = {name: (_width(before, name), _width(after, name)) for name in shared}
    unequal = [name for name in shared if widths[name][0] != widths[name][1]]
    changed = sorted(unequal, key=lambda name: _rank(*widths[name]))
    rows = [
        [name, f"{widths[name][0]:.6g}", f"{widths[name][1]:.6g}", f"{ratio(*widths[name]):.4f}"] for name in changed
    ]
    lines = [
        f"{before.rule} from {before.provenance.samples} samples, {after.rule} from {after.provenance.samples} samples",
        *(["the calibrations are of different models"] if before.provenance.model != after.provenance.model else []),
        f"{len(changed)} of {len(shared)} ranges differ",
        *(aligned([["tensor", "before", "after", "ratio"], *rows], right=(1, 2, 3)) if rows else []),
        *(f"only {side}: {printable(name)}" for side, names in only.items() for name in names),
    ]
    document = {
        "command": "diff",
        "kind": "calibration",
        "same_model": before.provenance.model == after.provenance.model,
        "ranges": len(shared),
        "changed": [
            {"tensor": name, "before": widths[name][0], "after": widths[name][1], "ratio": ratio(*widths[name])}
            for name in changed
        ],
        "only_before": only["before"],
        "only_after": only["after"],
    }
    return Result("\n".join(lines), document)


def _width(calibration: Calibration, name: str) -> float:
    kept = calibration.tensors[name].range
    return float(kept.high) - float(kept.low)


def ratio(before: float, after: float) -> float:
    """How many times as wide a range became.

    >>> ratio(2.0, 1.0), ratio(0.0, 1.0), ratio(0.0, 0.0)
    (0.5, inf, 1.0)
    """
    if before == 0:
        return 1.0 if after == 0 else math.inf
    return after / before


def _rank(before: float, after: float) -> float:
    """Large changes first, whether a range grew or shrank."""
    change = ratio(before, after)
    return -math.inf if change in (0, math.inf) else -abs(math.log(change))


def _of_runs(before: Comparison, after: Comparison) -> Result:
    rows, entries = [], []
    for name, metric, first, second in _pairs(before, after):
        change = 0.0 if first.candidate == second.candidate else second.candidate - first.candidate
        rows.append([name, metric, f"{first.candidate:.5g}", f"{second.candidate:.5g}", f"{change:+.5g}"])
        entries.append({"model": name, "metric": metric, "before": first.candidate, "after": second.candidate})
    same = before.data.get("samples_sha256") == after.data.get("samples_sha256")
    lines = [
        f"{len(before.samples)} samples before, {len(after.samples)} after; "
        + ("the same ones" if same else "not the same ones, so differences are of the data too"),
        *(aligned([["model", "metric", "before", "after", "change"], *rows], right=(2, 3, 4)) if rows else []),
        *([] if rows else ["no model and metric is in both"]),
    ]
    return Result("\n".join(lines), {"command": "diff", "kind": "run", "same_samples": same, "metrics": entries})


def _pairs(before: Comparison, after: Comparison) -> list[tuple[str, str, MetricSummary, MetricSummary]]:
    found = []
    for outcome in before.candidates:
        other = next((o for o in after.candidates if o.subject.name == outcome.subject.name), None)
        for summary in outcome.metrics if other else ():
            match = other.metric(summary.metric) if other else None
            if match:
                found.append((outcome.subject.name, summary.metric, summary, match))
    return found
