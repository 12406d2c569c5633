"""What four rules cost in accuracy, beside onnxruntime.quantization on the same data, engine and weights scheme.

    python -m benchmarks.accuracy [--network NAME ...]

Every INT8 model has unsigned activations and signed per-channel weights and is run by ONNX Runtime on the CPU. The
peer gets the same prepared FP32 model (opset raised, BatchNorm folded) and the same samples.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import onnx

import quantkit
from benchmarks import peer, record
from benchmarks.material import CASES, ROOT, Case
from quantkit.core.comparison import Outcome
from quantkit.core.ports import BatchSource
from quantkit.data.checked import checked
from quantkit.pipeline.comparing import Comparing

RULES = ("max", "entropy", "percentile", "mse")
PEER_METHODS = ("MinMax", "Percentile")


def ours(model: quantkit.Model, source: BatchSource, folder: Path) -> dict[str, Path]:
    statistics = quantkit.collect(model, source)
    return {
        rule: quantkit.quantize(
            model, quantkit.calibrate_ranges(statistics, rule), to=folder / f"{rule}.onnx", reduce_range=False
        ).path
        for rule in RULES
    }


def theirs(model: quantkit.Model, source: BatchSource, folder: Path) -> dict[str, Path]:
    prepared = folder / "prepared.onnx"
    onnx.save(model.proto, prepared)
    written = {f"onnxruntime {method}": folder / f"onnxruntime_{method}.onnx" for method in PEER_METHODS}
    for method, path in zip(PEER_METHODS, written.values(), strict=True):
        peer.quantized(prepared, (samples.inputs for samples in checked(source, model.inputs)), path, method)
    return written


def measured(case: Case) -> dict[str, Any]:
    """Every model of one case against FP32 on the held-out samples."""
    model = quantkit.load_model(case.model, upgrade_opset=case.upgrade_opset)
    calibration, evaluation = case.data
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        candidates = {**ours(model, calibration, folder), **theirs(model, calibration, folder)}
        comparison = quantkit.compare(model, candidates, evaluation, how=Comparing(stopwatch=None))
    return {
        "calibrated on": calibration.size,
        "evaluated on": len(comparison.samples),
        "models": {outcome.subject.name: figures(outcome) for outcome in comparison.candidates},
    }


def figures(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for summary in outcome.metrics:
        found[summary.metric] = round(summary.candidate, 6)
        if summary.reference is not None:
            found[f"{summary.metric} FP32"] = round(summary.reference, 6)
        if summary.difference is not None:
            found[f"{summary.metric} difference, 95 %"] = str(summary.difference)
    coverage = outcome.subject.coverage
    if coverage:
        found["integer nodes"] = f"{coverage.integer} of {coverage.total}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", nargs="*", choices=[case.name for case in CASES])
    wanted = parser.parse_args().network
    if not ROOT.is_dir():
        raise SystemExit(f"the real networks are not at {ROOT}: set QUANTKIT_MATERIAL")
    results = {}
    for case in CASES:
        if not wanted or case.name in wanted:
            results[case.name] = measured(case)
            print(case.name, results[case.name]["evaluated on"], flush=True)
            for name, found in results[case.name]["models"].items():
                print(f"  {name:24}", found, flush=True)
    if not wanted:
        print(record.save("accuracy", results))


if __name__ == "__main__":
    main()
