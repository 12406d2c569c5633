"""What a person wants to know of a file that quantkit reads or writes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from quantkit.cli.columns import aligned
from quantkit.cli.command import Result
from quantkit.cli.options.model import ModelOptions
from quantkit.cli.outputs import size_text
from quantkit.cli.process.terminal import Terminal
from quantkit.core import plugins, run, run_document, statistics_file
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.calibration import Calibration
from quantkit.core.errors import ArtifactError, ModelError, UsageError
from quantkit.core.files import readable
from quantkit.core.json_values import MALFORMED, decoded
from quantkit.core.run_document import SCHEMA as RUN
from quantkit.core.statistics import Statistics
from quantkit.core.text import printable
from quantkit.graph.model import Model, already_quantized, load
from quantkit.graph.placement import Placement, place

ENGINES = (".plan", ".engine", ".trt")


def of(path: Path, options: ModelOptions, terminal: Terminal) -> Result:
    """Everything worth knowing of the file at `path`."""
    suffix = path.suffix.lower()
    if suffix in ENGINES:
        raise _is_code(path)
    if suffix in (".safetensors", ".json") and options != ModelOptions():
        title = f"options about models say nothing of {path.name}"
        raise UsageError("QK1087", title, hints=[f"quantkit inspect {path}"])
    if suffix == ".safetensors":
        return _of_statistics(statistics_file.load(path), path)
    if suffix == ".json":
        return _of_json(path, terminal)
    loaded = load(path)
    if already_quantized(loaded) and not options.requantize:
        return _of_integer_model(loaded)
    model = options.opened(path)
    return _of_model(model, place(model, options.target, options.exclusion))


def _is_code(path: Path) -> ModelError:
    sidecar = path.with_name(f"{path.name}.json")
    hints = [f"quantkit inspect {sidecar}"] if sidecar.exists() else ["what was built is known where it was built"]
    return ModelError(
        "QK3071",
        f"{path.name} is a TensorRT engine, and an engine is a program: it is not loaded to look at it",
        where=str(path),
        hints=hints,
    )


def kind_of(path: Path) -> str:
    """The schema that a JSON file names.

    Raises:
        ArtifactError: no JSON, or nothing that quantkit writes.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        schema = decoded(content)["schema"]
    except MALFORMED as reason:
        raise _unknown(path, f"{type(reason).__name__}: {reason}") from reason
    if schema not in (CALIBRATION, RUN):
        raise _unknown(path, f"its schema is {schema!r}")
    return str(schema)


def _unknown(path: Path, cause: str) -> ArtifactError:
    return ArtifactError(
        "QK3261",
        "neither a calibration nor a run that this version reads",
        where=str(path),
        cause=cause,
        hints=["quantkit reads .onnx, .safetensors, .qcal.json and run.json"],
    )


def _of_json(path: Path, terminal: Terminal) -> Result:
    if kind_of(path) == CALIBRATION:
        return _of_calibration(Calibration.load(path), path)
    comparison = run.load(path)
    table = plugins.load("quantkit.report", "table")(**terminal.table_options).render(comparison)
    return Result(table, {"command": "inspect", "kind": "run", "run": run_document.written(comparison)})


def _of_model(model: Model, placement: Placement) -> Result:
    document = {
        **_facts(model),
        "target": placement.target,
        "nodes": list(placement.nodes),
        "left_out": [{"node": n.node, "operator": n.operator, "reason": n.reason} for n in placement.left_out],
        "tensors": list(placement.tensors),
    }
    lines = [
        *_headed(model),
        "",
        f"{len(placement.nodes)} nodes in INT8 for {placement.target}:",
        *_listed([[name] for name in placement.nodes]),
        "",
        f"{len(placement.left_out)} nodes left in FP32 that could be INT8:",
        *_listed([[n.node, n.operator, n.reason] for n in placement.left_out]),
        "",
        f"{len(placement.tensors)} tensors that need a range:",
        *_listed([[name] for name in placement.tensors]),
    ]
    return Result("\n".join(lines), document)


def _of_integer_model(model: Model) -> Result:
    """A model that is quantized already: what it is, and what it says of its origin."""
    notes = {entry.key: entry.value for entry in model.proto.metadata_props if entry.key.startswith("quantkit.")}
    origin = aligned([[key, value] for key, value in sorted(notes.items())]) if notes else ["  it does not say"]
    lines = [*_headed(model), "", "quantized already, from:", *origin]
    return Result("\n".join(lines), {**_facts(model), "quantized": True, "provenance": notes})


def _facts(model: Model) -> dict[str, Any]:
    return {
        "command": "inspect",
        "kind": "model",
        "path": str(model.path),
        "sha256": model.digest,
        "bytes": model.size_bytes,
        "inputs": [str(spec) for spec in model.inputs],
        "outputs": [str(spec) for spec in model.outputs],
        "operators": dict(Counter(node.op_type for node in model.proto.graph.node)),
    }


def _headed(model: Model) -> list[str]:
    operators = Counter(node.op_type for node in model.proto.graph.node)
    rows = [
        ["model", f"{model.path}, {size_text(model.size_bytes)}, sha256 {model.digest[:16]}"],
        ["inputs", ", ".join(map(str, model.inputs))],
        ["outputs", ", ".join(map(str, model.outputs))],
        ["operators", ", ".join(f"{name} {count}" for name, count in operators.most_common())],
    ]
    return aligned(rows, indent="")


def _listed(rows: list[list[str]]) -> list[str]:
    return aligned(rows) if rows else ["  none"]


def _of_statistics(statistics: Statistics, path: Path) -> Result:
    tensors: dict[str, dict[str, Any]] = {
        name: {
            "values": histogram.count,
            "low": float(histogram.observed.low),
            "high": float(histogram.observed.high),
            "zeros": histogram.zeros,
            "nonfinite": histogram.nonfinite,
        }
        for name, histogram in statistics.histograms.items()
    }
    rows = [
        [name, str(t["values"]), f"{t['low']:.6g}", f"{t['high']:.6g}", f"{t['zeros']}", f"{t['nonfinite']}"]
        for name, t in tensors.items()
    ]
    lines = [
        f"statistics of {len(statistics.samples)} samples, {len(tensors)} tensors",
        f"model sha256 {statistics.fingerprint.model[:16]}",
        f"preprocessing {printable(statistics.fingerprint.preprocessing)}",
        "",
        *aligned([["tensor", "values", "lowest", "highest", "zeros", "nonfinite"], *rows], right=range(1, 6)),
    ]
    document = {
        "command": "inspect",
        "kind": "statistics",
        "path": str(path),
        "samples": len(statistics.samples),
        "model": statistics.fingerprint.model,
        "preprocessing": statistics.fingerprint.preprocessing,
        "environment": dict(statistics.environment),
        "tensors": tensors,
    }
    return Result("\n".join(lines), document)


def _of_calibration(calibration: Calibration, path: Path) -> Result:
    tensors: dict[str, dict[str, Any]] = {
        name: {
            "low": float(tensor.range.low),
            "high": float(tensor.range.high),
            "observed": [float(tensor.observed.low), float(tensor.observed.high)],
            "rule": tensor.rule,
            "clipped": tensor.clipped,
            "notes": list(tensor.notes),
        }
        for name, tensor in calibration.tensors.items()
    }
    rows = [
        [name, t["rule"], f"{t['low']:.6g}", f"{t['high']:.6g}", f"{t['clipped']:.3%}", " ".join(t["notes"])]
        for name, t in tensors.items()
    ]
    origin = calibration.provenance
    lines = [
        repr(calibration),
        f"model sha256 {origin.model[:16]}{', made-up data' if origin.synthetic else ''}",
        "",
        *aligned([["tensor", "rule", "low", "high", "clipped", "notes"], *rows], right=range(2, 5)),
    ]
    document = {
        "command": "inspect",
        "kind": "calibration",
        "path": str(path),
        "rule": calibration.rule,
        "symmetric": calibration.symmetric,
        "samples": origin.samples,
        "model": origin.model,
        "synthetic": origin.synthetic,
        "tensors": tensors,
    }
    return Result("\n".join(lines), document)
