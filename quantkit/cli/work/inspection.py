"""What a person wants to know of a file that quantkit reads or writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from quantkit.backends.tensorrt import plan
from quantkit.backends.tensorrt.plan import PlanRecord
from quantkit.cli.command import Result
from quantkit.cli.inputs.kinds import is_document, kind_of
from quantkit.cli.options.model import ModelOptions
from quantkit.cli.process.outputs import size_text
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.results.columns import aligned
from quantkit.cli.results.sensitivities import told
from quantkit.core import plugins, run, run_document, sensitivity_file, statistics_file
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.calibration import Calibration
from quantkit.core.errors import ModelError, UsageError
from quantkit.core.files import digest_of
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.statistics import Statistics
from quantkit.core.text import printable
from quantkit.graph import provenance
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.model import Model, already_quantized, load
from quantkit.graph.placement import Placement, place

ENGINES = (".plan", ".engine", ".trt")

_MOST_LISTED = 10
"""Lines of a list that are shown unless more is asked for."""


def of(path: Path, options: ModelOptions, terminal: Terminal, *, verbose: bool = False) -> Result:
    """Everything worth knowing of the file at `path`; with `verbose`, lists are shown whole."""
    result = _of(path, options, terminal, verbose=verbose)
    return replace(result, text=result.text.rstrip())


def _of(path: Path, options: ModelOptions, terminal: Terminal, *, verbose: bool) -> Result:
    suffix = path.suffix.lower()
    if suffix in ENGINES:
        return _of_engine(path)
    is_json = suffix == ".json" or (suffix != ".safetensors" and is_document(path))
    if (is_json or suffix == ".safetensors") and options != ModelOptions():
        title = f"options about models say nothing of {path.name}"
        raise UsageError("QK1087", title, hints=[f"quantkit inspect {path}"])
    if suffix == ".safetensors":
        return _of_statistics(statistics_file.load(path), path, verbose=verbose)
    if is_json:
        return _of_json(path, terminal, verbose=verbose)
    loaded = load(path)
    if already_quantized(loaded) and not options.requantize:
        return _of_integer_model(loaded)
    model = options.opened(path)
    return _of_model(model, place(model, options.target, options.exclusion), verbose=verbose)


def _of_engine(path: Path) -> Result:
    """A plan is a program and is not loaded to look at it; its record says what is known."""
    beside = plan.sidecar(path)
    if not beside.exists():
        raise ModelError(
            "QK3071",
            f"{path.name} is a TensorRT engine, and an engine is a program: it is not loaded to look at it",
            where=str(path),
            cause=f"it has no record {beside.name} beside it",
            hints=["what was built is known where it was built"],
        )
    return _of_record(plan.record(path), path)


def _of_record(record: PlanRecord, path: Path | None) -> Result:
    """The record of the plan at `path`; ``None`` where its name does not say of which."""
    matches = digest_of(path) == record.sha256 if path and path.exists() else None
    content = {True: "as recorded", False: "NOT what was recorded: changed or damaged", None: "not there"}[matches]
    rows = [
        ["plan", f"{path}, {content}" if path else "not known: a record lies beside its plan, as NAME.plan.json"],
        ["TensorRT", record.machine.tensorrt],
        ["GPU", f"{record.machine.gpu}, compute capability {record.machine.compute_capability}"],
        ["model sha256", record.model],
        *([name, str(value)] for name, value in record.options.items() if value is not None),
        *([f"scales {name}", str(value)] for name, value in record.scales.items()),
        *([["calibrated on", _contents(record.sample_hashes)]] if record.sample_hashes else []),
    ]
    known = replace(record, sample_hashes=None).to_document()
    document = {"command": "inspect", "kind": "engine", "path": path and str(path), "matches": matches, "record": known}
    return Result("\n".join(aligned(rows, indent="")), document)


def _of_json(path: Path, terminal: Terminal, *, verbose: bool) -> Result:
    kind = kind_of(path)
    if kind == CALIBRATION:
        return _of_calibration(Calibration.load(path), path, verbose=verbose)
    if kind == plan.SCHEMA:
        of = path.with_suffix("")
        return _of_engine(of) if plan.sidecar(of) == path else _of_record(plan.record_in(path), None)
    if kind == sensitivity_file.SCHEMA:
        return _of_sensitivity(path, verbose=verbose)
    comparison = run.load(path)
    table = plugins.load("quantkit.report", "table")(**terminal.table_options).render(comparison)
    return Result(table, {"command": "inspect", "kind": "run", "run": run_document.written(comparison)})


def _of_sensitivity(path: Path, *, verbose: bool) -> Result:
    found = sensitivity_file.load(path)
    document = {"command": "inspect", "kind": "sensitivity", "sensitivity": sensitivity_file.document(found)}
    return Result(told(found, whole=verbose), document)


def _of_model(model: Model, placement: Placement, *, verbose: bool) -> Result:
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
        f"{len(placement.nodes)} nodes in INT8 for {placement.target}{_kinds(model, placement)}",
        *(_listed([[name] for name in placement.nodes], verbose=True) if verbose else []),
        f"{len(placement.left_out)} nodes left in FP32, with the reason{':' if placement.left_out else ''}",
        *_listed([[n.node, n.operator, n.reason] for n in placement.left_out], verbose=verbose),
        f"{len(placement.tensors)} tensors that need a range",
        *(_listed([[name] for name in placement.tensors], verbose=True) if verbose else []),
        *([] if verbose else ["", "-v lists them all"]),
    ]
    return Result("\n".join(lines), document)


def _kinds(model: Model, placement: Placement) -> str:
    """The operators that become INT8, with their numbers."""
    titles = set(placement.nodes)
    wiring = Wiring(model.proto.graph)
    found = Counter(node.op_type for at, node in enumerate(wiring.nodes) if wiring.title(at) in titles)
    return f": {', '.join(f'{name} {count}' for name, count in found.most_common())}" if found else ""


def _of_integer_model(model: Model) -> Result:
    """A model that is quantized already: what it is, and what it says of its origin."""
    notes = provenance.told(model.proto)
    origin = aligned([[key, value] for key, value in notes.items()]) if notes else ["  it does not say"]
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
        ["model", f"{model.path}, {size_text(model.size_bytes)}, content {model.digest[:16]}"],
        ["inputs", ", ".join(map(str, model.inputs))],
        ["outputs", ", ".join(map(str, model.outputs))],
        ["operators", ", ".join(f"{name} {count}" for name, count in operators.most_common())],
    ]
    return aligned(rows, indent="")


def _listed(rows: list[list[str]], *, verbose: bool) -> list[str]:
    shown = rows if verbose else rows[:_MOST_LISTED]
    more = [f"  and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
    return [*(aligned(shown) if shown else []), *more]


def _of_statistics(statistics: Statistics, path: Path, *, verbose: bool) -> Result:
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
        *(
            [f"shards {', '.join(statistics.parts)}; missing: {', '.join(statistics.absent)}"]
            if statistics.parts
            else []
        ),
        f"model content {statistics.fingerprint.model[:16]}",
        *([f"preprocessing {printable(statistics.fingerprint.preprocessing)}"] if verbose else []),
        "",
        *aligned([["tensor", "values", "lowest", "highest", "zeros", "nonfinite"], *rows], right=range(1, 6)),
    ]
    document = {
        "command": "inspect",
        "kind": "statistics",
        "path": str(path),
        "samples": len(statistics.samples),
        "parts": list(statistics.parts),
        "missing_parts": list(statistics.absent),
        "model": statistics.fingerprint.model,
        "preprocessing": statistics.fingerprint.preprocessing,
        "environment": dict(statistics.environment),
        "tensors": tensors,
    }
    return Result("\n".join(lines), document)


def _of_calibration(calibration: Calibration, path: Path, *, verbose: bool) -> Result:
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
    recorded = [f"preprocessing {printable(origin.preprocessing)}"] if verbose else []
    hashes = origin.sample_hashes
    lines = [
        repr(calibration),
        *recorded,
        *([f"calibrated on {_contents(hashes)}"] if hashes else []),
        f"model content {origin.model[:16]}{', made-up data' if origin.synthetic else ''}",
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
        "distinct_samples": hashes.distinct if hashes else None,
        "model": origin.model,
        "synthetic": origin.synthetic,
        "tensors": tensors,
    }
    return Result("\n".join(lines), document)


def _contents(hashes: SampleHashes) -> str:
    """How many contents there were, and how many of them a comparison would know again."""
    known = "all" if hashes.is_whole else f"{hashes.kept} of them"
    return f"{hashes.distinct} contents that differ; {known} would be known again in a comparison"
