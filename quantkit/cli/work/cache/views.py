"""Scales shown: those of one file, or of two side by side."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from quantkit.cli.command import Result
from quantkit.cli.results.columns import aligned
from quantkit.cli.work.cache.files import Scales, opened
from quantkit.core.scale_difference import ScaleDifference
from quantkit.core.text import printable
from quantkit.core.trt_cache_file import Origin


def inspected(path: Path) -> Result:
    """Every scale of a file, and where they come from."""
    found = opened(path)
    header = found.header
    facts = [["file", found.title]]
    if header is not None:
        facts.append(["written for", header.meaning])
    facts += _facts(found.origin) if found.origin else [["origin", f"not known: {found.doubt}"]]
    rows = [[name, f"{s:.6g}", f"{_amax(s):.6g}", _hex(s)] for name, s in found.scales.items()]
    lines = [
        *aligned(facts, indent=""),
        "",
        *aligned([["tensor", "scale", "amax", "float32"], *rows], right=(1, 2)),
    ]
    document: dict[str, Any] = {
        "command": "cache",
        "action": "inspect",
        **_outline(found),
        "tensors": {name: {"scale": float(s), "amax": _amax(s), "hex": _hex(s)} for name, s in found.scales.items()},
    }
    return Result("\n".join(lines), document)


def _facts(origin: Origin) -> list[list[str]]:
    source = origin.provenance
    return [
        ["rule", origin.rule],
        ["samples", f"{source.samples}{', made up' if source.synthetic else ''}"],
        ["model", f"content {source.model[:16]}"],
        ["preprocessing", source.preprocessing],
    ]


def _outline(found: Scales) -> dict[str, Any]:
    origin = found.origin
    return {
        "path": str(found.path),
        "form": found.form,
        "header": str(found.header) if found.header else None,
        "tensorrt": found.header.tensorrt if found.header else None,
        "rule": origin.rule if origin else None,
        "model": origin.provenance.model if origin else None,
        "preprocessing": origin.provenance.preprocessing if origin else None,
        "samples": origin.provenance.samples if origin else None,
    }


def _amax(scale: np.float32) -> float:
    return 127 * float(scale)


def _hex(scale: np.float32) -> str:
    return struct.pack(">f", scale).hex()


def compared(before: Path, after: Path) -> Result:
    """The scales of two files, the largest change first."""
    first, second = opened(before), opened(after)
    difference = ScaleDifference.of(first.scales, second.scales)
    rows = [[pair.tensor, f"{pair.before:.6g}", f"{pair.after:.6g}", f"{pair.ratio:.4f}"] for pair in difference.pairs]
    only = {first.path: difference.only_before, second.path: difference.only_after}
    lines = [
        printable(first.title),
        printable(second.title),
        *_different_models(first.origin, second.origin),
        _summary(difference),
        *(aligned([["tensor", "amax", "other amax", "ratio"], *rows], right=(1, 2, 3)) if rows else []),
        *(printable(f"only in {path}: {name}") for path, names in only.items() for name in names),
    ]
    document: dict[str, Any] = {
        "command": "cache",
        "action": "diff",
        "files": [_outline(first), _outline(second)],
        "equal": difference.equal,
        "mean_change": difference.mean_change,
        "correlation": difference.correlation,
        "tensors": [{**pair._asdict(), "ratio": pair.ratio} for pair in difference.pairs],
        "only_before": list(difference.only_before),
        "only_after": list(difference.only_after),
    }
    return Result("\n".join(lines), document)


def _different_models(first: Origin | None, second: Origin | None) -> list[str]:
    if first is None or second is None or first.provenance.model == second.provenance.model:
        return []
    return ["the scales are of different models"]


def _summary(difference: ScaleDifference) -> str:
    parts = [f"{len(difference.pairs)} tensors in both, {difference.equal} equal"]
    if difference.mean_change is not None:
        parts.append(f"{difference.mean_change:.2%} apart on average")
    if difference.correlation is not None:
        parts.append(f"correlation {difference.correlation:.4f} (of the logarithms)")
    return ", ".join(parts)
