"""Each activation's values, where the rules clip them, and what they minimize."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from quantkit.core.calibration import Calibration, TensorCalibration
from quantkit.core.evidence import Curve, Evidence
from quantkit.core.figures import plain
from quantkit.core.histogram import Histogram
from quantkit.core.statistics import Statistics
from quantkit.report._html.advice import FLAT
from quantkit.report._html.markup import Section, escaped, figure, folded, short, table

_BARS = 256
"""More bars than pixels show nothing; so few keep the report of a deep network small."""

_CURVE_POINTS = 100


def section(evidence: Evidence) -> Section | None:
    """A histogram and two curves for the activation that the reader selects."""
    if evidence.statistics is None:
        return None
    histograms = {name: evidence.statistics.histograms[name] for name in _order(evidence, evidence.statistics)}
    first = _most_lost(evidence)
    options = "".join(
        f"<option{' selected' if name == first else ''}>{escaped(name, 100)}</option>" for name in histograms
    )
    controls = (
        f'<div class="controls"><label>activation <select id="tensor">{options}</select></label>'
        '<label><input type="checkbox" id="tensor-codes"> show the INT8 codes of the first rule</label></div>'
        '<p id="tensor-facts" aria-live="polite"></p>'
    )
    samples = len(evidence.statistics.samples)
    values = figure(
        "plot-histogram",
        f"Values of the activation over {samples} calibration samples, on a logarithmic scale, and the range that each "
        "rule keeps: what lies beyond saturates. Rules that no model was made by are drawn thin. Exact zeros are left "
        "out, as every scale represents them.",
        f'<details id="tensor-bins"><summary>The numbers</summary></details>{_ranges(evidence, histograms)}',
    )
    losses = figure(
        "plot-curves",
        "What the rules entropy and mse minimize, over a symmetric threshold; the large mark is the least. Where the "
        "divergence has a gap it is infinite: clipping there would merge values that the histogram tells apart. A "
        "range with a zero point is chosen end by end, so that its ends may lie elsewhere.",
        '<p id="tensor-flat" class="quiet" aria-live="polite"></p>'
        '<details id="tensor-curves"><summary>The numbers</summary></details>',
    )
    data = {"tensors": [_told(name, found, evidence) for name, found in histograms.items()], "flat": FLAT}
    return Section("activations", "Activations and thresholds", controls + values + losses, data=data)


def _most_lost(evidence: Evidence) -> str | None:
    """The activation that is shown first: the one that loses most by itself."""
    layers = [layer for errors in evidence.layers.values() for layer in errors.layers]
    return min(layers, key=lambda layer: layer.isolated_db).tensor if layers else None


def _order(evidence: Evidence, statistics: Statistics) -> list[str]:
    """The tensors that hold a value; those whose place in the graph is known first, and in its order."""
    placed = dict.fromkeys(layer.tensor for errors in evidence.layers.values() for layer in errors.layers)
    names = [name for name, found in statistics.histograms.items() if found.count]
    return [*(name for name in placed if name in set(names)), *(name for name in names if name not in placed)]


def _ranges(evidence: Evidence, histograms: Mapping[str, Histogram]) -> str:
    if not evidence.calibrations:
        return ""
    lines = [
        [name, rule, plain(float(own.range.low)), plain(float(own.range.high)), f"{100 * own.clipped:.4f} %",
         f"{100 * own.clipped_energy:.4f} %", ", ".join(own.notes) or "–"]
        for name in histograms
        for rule, own, _ in _own(evidence, name)
    ]  # fmt: skip
    header = ["activation", "rule", "from", "to", "values clipped", "energy clipped", "notes"]
    return folded("All ranges", table(header, lines, names=2))


def _own(evidence: Evidence, name: str) -> Iterator[tuple[str, TensorCalibration, Calibration]]:
    """Of each candidate, and of each rule that none was made by, what it says about one tensor."""
    others = {f"{rule} (not used)": calibration for rule, calibration in evidence.alternatives.items()}
    for title, calibration in {**evidence.calibrations, **others}.items():
        if (own := calibration.tensors.get(name)) is not None:
            yield title, own, calibration


def _told(name: str, histogram: Histogram, evidence: Evidence) -> dict[str, Any]:
    start, step, counts = bars(histogram)
    own = evidence.curves.get(name, {})
    return {
        "name": name,
        "start": short(start),
        "step": short(step),
        "counts": counts,
        "count": histogram.count,
        "zeros": histogram.zeros,
        "nans": histogram.nans,
        "smallest": [int(histogram.positive[0] + histogram.negative[0]), short(histogram.width)],
        "infinities": histogram.positive_infinities + histogram.negative_infinities,
        "low": short(histogram.low),
        "high": short(histogram.high),
        "rules": [
            [rule, short(float(kept.range.low)), short(float(kept.range.high)), short(kept.clipped), made.symmetric,
             made in evidence.calibrations.values()]
            for rule, kept, made in _own(evidence, name)
        ],
        "curves": {rule: _points(curve) for rule, curve in own.items() if curve.limits.size},
    }  # fmt: skip


def bars(histogram: Histogram, most: int = _BARS) -> tuple[float, float, list[int]]:
    """Where the first bar begins, how wide each is, and the values in each; at most `most`, zeros left out."""
    below = int(np.flatnonzero(histogram.negative)[-1]) + 1 if histogram.negative.any() else 0
    above = int(np.flatnonzero(histogram.positive)[-1]) + 1 if histogram.positive.any() else 0
    group = max(1, -(-(below + above) // (most - 2)))
    # Bars end at 0, so that none mixes signs.
    left, right = (
        _grouped(side[:size], group) for side, size in ((histogram.negative, below), (histogram.positive, above))
    )
    return -len(left) * group * histogram.width, group * histogram.width, [*left[::-1], *right]


def _grouped(counts: np.ndarray[Any, np.dtype[np.int64]], group: int) -> list[int]:
    padded = np.pad(counts, (0, -len(counts) % group))
    return [int(count) for count in padded.reshape(-1, group).sum(axis=1)]


def _points(curve: Curve) -> list[list[float | None]]:
    """Limits and losses, thinned but for the least."""
    every = max(1, -(-curve.limits.size // _CURVE_POINTS))
    kept = np.unique(
        np.append(np.arange(0, curve.limits.size, every), [np.argmin(curve.losses), curve.limits.size - 1])
    )
    return [[short(float(x)) for x in curve.limits[kept]], [short(float(y)) for y in curve.losses[kept]]]
