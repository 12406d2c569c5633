"""A sensitivity on disk: sensitivity.json, for which sensitivity.schema.json is the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quantkit.core import file_kinds
from quantkit.core.comparison import Latency
from quantkit.core.errors import ArtifactError, QuantkitError
from quantkit.core.files import readable, write_whole
from quantkit.core.json_values import MALFORMED, count, decoded, encoded, entries, real, text, texts, truth
from quantkit.core.leads import Margin
from quantkit.core.run_document import to_latency, to_metric
from quantkit.core.sensitivity import Effect, Effects, Layer, Measure, Point, Sensitivity
from quantkit.core.sensitivity_advice import FINDINGS, Advice
from quantkit.core.sensitivity_extent import Extent

SCHEMA = "quantkit.sensitivity/1"


def document(found: Sensitivity) -> dict[str, Any]:
    """The JSON document."""
    return {"schema": SCHEMA, **asdict(found)}


def save(found: Sensitivity, path: Path | str) -> str:
    """Writes canonical JSON, atomically; equal sensitivities are equal bytes. Returns the SHA-256."""
    return write_whole(Path(path), f"{encoded(document(found), indent=1)}\n".encode("ascii"))


def load(path: Path | str) -> Sensitivity:
    """Reads what `save` wrote.

    Raises:
        ArtifactError: not such a file, or one of another version.
    """
    path = Path(path)
    with readable(path):
        content = path.read_bytes()
    try:
        entry = decoded(content)
        if entry["schema"] != SCHEMA:
            raise _unusable(path, content, f"its schema is {entry['schema']!r}, this version reads {SCHEMA!r}")
        return _sensitivity(entry)
    except MALFORMED as reason:
        raise _unusable(path, content, f"{type(reason).__name__}: {reason}") from reason


def _sensitivity(entry: Mapping[str, Any]) -> Sensitivity:
    return Sensitivity(
        **{name: text(entry[name]) for name in ("model", "path", "target", "rule", "calibration")},
        samples=count(entry["samples"]),
        measures=tuple(_measure(measure) for measure in entries(entry["measures"])),
        layers=tuple(_layer(layer) for layer in entries(entry["layers"])),
        order=tuple(text(node) for node in entries(entry["order"])),
        points=tuple(_point(point) for point in entries(entry["points"])),
        advice=_advice(entry["advice"]),
        extent=_extent(entry["extent"]),
        reference_latency=_latency(entry["reference_latency"]),
        data=texts(entry["data"]),
        environment=texts(entry["environment"]),
        notes=tuple(text(note) for note in entries(entry["notes"])),
        # Files of before there was such a list have none.
        over_clipped=tuple(text(tensor) for tensor in entries(entry.get("over_clipped", []))),
    )


def _measure(entry: Mapping[str, Any]) -> Measure:
    return Measure(
        **{name: text(entry[name]) for name in ("name", "title", "unit")},
        higher_is_better=truth(entry["higher_is_better"]),
        reference=_perhaps(entry["reference"]),
        everything=real(entry["everything"]),
    )


def _layer(entry: Mapping[str, Any]) -> Layer:
    return Layer(
        node=text(entry["node"]),
        operator=text(entry["operator"]),
        effects={text(name): _effects(effects) for name, effects in entry["effects"].items()},
        samples=count(entry["samples"]),
        reason=text(entry["reason"]),
    )


def _effects(entry: Mapping[str, Any]) -> Effects:
    return Effects(_effect(entry["only"]), _effect(entry["all_but"]), real(entry["everything"]))


def _effect(entry: Mapping[str, Any]) -> Effect:
    return Effect(**{name: _perhaps(entry[name]) for name in ("weights", "activations", "both")})


def _point(entry: Mapping[str, Any]) -> Point:
    return Point(
        left_out=tuple(text(node) for node in entries(entry["left_out"])),
        flags=text(entry["flags"]),
        metrics=tuple(to_metric(summary) for summary in entries(entry["metrics"])),
        **{name: count(entry[name]) for name in ("integer", "nodes", "size_bytes")},
        latency=_latency(entry["latency"]),
    )


def _advice(entry: Mapping[str, Any] | None) -> Advice | None:
    if entry is None:
        return None
    if entry["finding"] not in FINDINGS:
        raise ValueError(f"there is no finding {entry['finding']!r}")
    return Advice(
        finding=text(entry["finding"]),
        metric=text(entry["metric"]),
        **{name: tuple(text(node) for node in entries(entry[name])) for name in ("left_out", "reserve")},
        gains={name: Margin(real(gain["estimate"]), real(gain["low"])) for name, gain in entry["gains"].items()},
        tolerance=_perhaps(entry["tolerance"]),
        level=real(entry["level"]),
    )


def _extent(entry: Mapping[str, Any] | None) -> Extent | None:
    if entry is None:
        return None
    return Extent(
        samples=None if entry["samples"] is None else count(entry["samples"]),
        runs=count(entry["runs"]),
        of_runs=None if entry["of_runs"] is None else count(entry["of_runs"]),
        seconds=real(entry["seconds"]),
        limit_s=_perhaps(entry["limit_s"]),
        partly=tuple(text(node) for node in entries(entry["partly"])),
        go_on=text(entry["go_on"]),
    )


def _latency(entry: Mapping[str, Any] | None) -> Latency | None:
    return None if entry is None else to_latency(entry)


def _perhaps(value: Any) -> float | None:
    return None if value is None else real(value)


def _unusable(path: Path, content: bytes, cause: str) -> QuantkitError:
    """What else the file is, or else what is wrong with it."""
    hints = ["quantkit sensitivity MODEL --data"]
    damaged = ArtifactError("QK3291", "not a usable sensitivity", cause=cause, hints=hints)
    return (file_kinds.mistaken("QK3291", "sensitivity", content) or damaged).located(str(path))
