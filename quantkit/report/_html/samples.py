"""Which answers changed: by class, and the samples that were hit hardest."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from quantkit.core.comparison import Comparison
from quantkit.core.evidence import Evidence
from quantkit.core.figures import unsigned
from quantkit.core.worst import ClassFlips, WorstSample, class_flips, worst_samples
from quantkit.report._html.markup import Section, escaped, figure, folded, table
from quantkit.report._html.palette import COLOURS

_MOST_CLASSES = 40
_ORDER = "Answers that became wrong come first, then other changes; among equals, the least SQNR of the outputs."
_ICONS = {"regressed": "✗ regressed", "fixed": "✓ fixed", "changed": "↷ changed", "noisy": "∿ noisiest"}


def section(comparison: Comparison, evidence: Evidence) -> Section | None:
    """Bars for the classes, cards for the samples, for each candidate."""
    worst = worst_samples(comparison)
    figures: dict[str, Mapping[str, Any]] = {}
    parts = []
    for number, outcome in enumerate(comparison.candidates):
        name = outcome.subject.name
        flips = class_flips(comparison, outcome)[:_MOST_CLASSES]
        own = [sample for sample in worst if sample.candidate == name]
        if not flips and not own:
            continue
        parts.append(f"<h3>{escaped(name, 60)}</h3>")
        if flips:
            identity = f"plot-flips-{number}"
            figures[identity] = _drawn(flips)
            parts.append(figure(identity, _caption(flips), folded("The numbers", _table(flips))))
        if own:
            cards = "".join(_card(sample, evidence.pictures) for sample in own)
            gallery = f'<p class="quiet">{_ORDER}</p><div class="gallery">{cards}</div>'
            parts.append(folded(f"The {len(own)} worst samples", gallery, shown=number == 0))
    return Section("samples", "Changed answers", "".join(parts), figures) if parts else None


def _caption(flips: Sequence[ClassFlips]) -> str:
    return "Samples of each class whose answer became wrong (regressed, to the left) or right (fixed, to the right)" + (
        f"; the {_MOST_CLASSES} classes that lost most" if len(flips) == _MOST_CLASSES else ""
    )


def _table(flips: Sequence[ClassFlips]) -> str:
    lines = [[str(flip.label), str(flip.samples), str(flip.regressed), str(flip.fixed)] for flip in flips]
    return table(["class", "samples", "regressed", "fixed"], lines)


def _drawn(flips: Sequence[ClassFlips]) -> dict[str, Any]:
    places = list(range(len(flips)))
    most = max(max(flip.regressed, flip.fixed) for flip in flips)
    step = -(-most // 4)
    ticks = [step * number for number in range(-4, 5) if abs(step * number) < most + step]
    series = (
        ("regressed", [-flip.regressed for flip in flips], COLOURS[1], "/"),
        ("fixed", [flip.fixed for flip in flips], COLOURS[0], ""),
    )
    return {
        "data": [
            {"type": "bar", "orientation": "h", "name": name, "y": places, "x": values, "width": 0.6,
             "marker": {"color": colour, "pattern": {"shape": shape}}}
            for name, values, colour, shape in series
        ],
        "layout": {
            "height": max(220, 22 * len(flips) + 130),
            "barmode": "relative",
            # Regressed samples lie to the left of 0, and there are no negative numbers of them.
            "xaxis": {"title": {"text": "samples"}, "range": [-1.08 * most, 1.08 * most], "tickvals": ticks,
                      "ticktext": [str(abs(tick)) for tick in ticks]},
            "yaxis": {"title": {"text": "class"}, "range": [len(flips) - 0.5, -0.5], "tickvals": places,
                      "ticktext": [str(flip.label) for flip in flips]},
        },
    }  # fmt: skip


def _card(sample: WorstSample, pictures: Mapping[str, bytes]) -> str:
    picture = pictures.get(sample.name)
    image = ""
    if picture is not None:
        content = base64.b64encode(picture).decode("ascii")
        image = f'<img alt="{escaped(sample.name, 80)}" src="data:image/jpeg;base64,{content}">'
    facts = [f"class {sample.label}"] if sample.label is not None else []
    if sample.expected is not None and sample.found is not None:
        facts.append(f"FP32 says {sample.expected}, INT8 {sample.found}")
    if sample.sqnr_db is not None:
        facts.append(f"SQNR {unsigned(sample.sqnr_db)} dB")
    told = "".join(f"<span>{escaped(fact)}</span>" for fact in facts)
    return (
        f'<div class="card">{image}<strong>{_ICONS[sample.kind]}</strong>{told}'
        f'<span class="path">{escaped(sample.name, 60)}</span></div>'
    )
