"""Latency of INT8 models on the CPU: ours, onnxruntime.quantization's best, and FP32, taking turns.

    python -m benchmarks.int8_latency [--quick] [--network NAME ...]

Both INT8 models have unsigned activations, signed per-channel weights and the largest observed values as ranges,
from the same prepared model and samples. Latency is that of one sample; the ratio of two models is taken within
each round, so that it holds although the machine is shared. SQNR is that of the outputs against FP32 on held-out
samples.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import quantkit
from benchmarks import peer, record
from benchmarks.collecting import Images
from benchmarks.material import CASES, ROOT
from benchmarks.resnet50 import resnet50
from quantkit.backends.ort import OrtBackend
from quantkit.core.arrays import Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.ports import BatchSource
from quantkit.data.checked import checked
from quantkit.graph.model import from_proto
from quantkit.graph.prepare import prepared

NETWORKS = ("mobilenet_v2", "squeezenet1.1", "resnet20", "kwt1", "mobilefacenet")
SEEDED = "resnet50, seeded weights"
CALIBRATE_ON = 64
EVALUATE_ON = 128
# A round of each model takes at least this long, or the clock and the first touch of the caches would be most of it.
ROUND_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Contest:
    """A prepared FP32 model, what calibrates it and what it is judged on."""

    name: str
    model: quantkit.Model
    calibration: BatchSource
    evaluation: BatchSource


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency of INT8 models on the CPU, paired.")
    parser.add_argument("--quick", action="store_true", help="a small network and a few rounds; writes nothing")
    parser.add_argument("--network", nargs="*", choices=[*NETWORKS, "resnet50"], help="some networks; writes nothing")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    chosen = contests(arguments.network or (*NETWORKS, "resnet50"), quick=arguments.quick)
    figures = {}
    for contest in chosen:
        figures[contest.name] = measured(contest, rounds=3 if arguments.quick else arguments.rounds)
        show(contest.name, figures[contest.name])
    if not arguments.quick and not arguments.network:
        print(record.save("int8_latency", figures, rounds=arguments.rounds, batch=1))


def contests(names: Sequence[str], *, quick: bool) -> Iterator[Contest]:
    """The networks asked for, those of the material only where it is."""
    for case in CASES:
        if case.name in names and not quick and ROOT.is_dir():
            model = quantkit.load_model(case.model, upgrade_opset=case.upgrade_opset)
            yield Contest(case.name, model, *case.data)
    if "resnet50" in names:
        size = 64 if quick else 224
        model = prepared(from_proto(resnet50(size=size)))
        few, more = (Images("data", count, shape=(3, size, size)) for count in (8, 16))
        yield Contest(SEEDED, model, few, more)


def measured(contest: Contest, *, rounds: int) -> dict[str, Any]:
    """Latency on one thread and on all cores, SQNR and coverage of each contender."""
    evaluation = first_batches(contest, contest.evaluation, EVALUATE_ON)
    with tempfile.TemporaryDirectory() as folder:
        models = {name: path.read_bytes() for name, path in contenders(contest, Path(folder)).items()}
    found: dict[str, Any] = {
        "SQNR dB": {
            name: round(sqnr_db(models["fp32"], models[name], evaluation), 2) for name in models if name != "fp32"
        },
        "integer nodes": {name: coverage(model) for name, model in models.items() if name != "fp32"},
    }
    sample = {name: values[:1] for name, values in evaluation[0].items()}
    for threads in sorted({1, os.cpu_count() or 1}):
        found[f"{threads} thread{'s'[: threads > 1]}"] = latencies(models, sample, threads, rounds)
    return found


def contenders(contest: Contest, folder: Path) -> dict[str, Path]:
    """FP32, ours and theirs as files."""
    batches = first_batches(contest, contest.calibration, CALIBRATE_ON)
    fp32, theirs = folder / "fp32.onnx", folder / "onnxruntime.onnx"
    onnx.save(contest.model.proto, fp32)
    calibration = quantkit.calibrate_ranges(quantkit.collect(contest.model, batches), "max")
    ours = quantkit.quantize(contest.model, calibration, to=folder / "ours.onnx", reduce_range=False)
    peer.quantized(fp32, batches, theirs, "MinMax")
    return {"fp32": fp32, "ours": ours.path, "onnxruntime": theirs}


def first_batches(contest: Contest, source: BatchSource, samples: int) -> list[Batch]:
    """Whole batches of at least `samples` samples together, or all there are."""
    batches: list[Batch] = []
    count = 0
    for batch in checked(source, contest.model.inputs):
        batches.append({name: np.copy(values) for name, values in batch.inputs.items()})
        count += len(batch)
        if count >= samples:
            break
    return batches


def latencies(models: dict[str, bytes], sample: Batch, threads: int, rounds: int) -> dict[str, Any]:
    works = {name: repeated(session(model, threads), sample) for name, model in models.items()}
    taken = record.interleaved({name: work for name, (work, _) in works.items()}, rounds=rounds)
    ms = {name: record.spread([1e3 * value / works[name][1] for value in values]) for name, values in taken.items()}
    per_run = {name: [value / works[name][1] for value in values] for name, values in taken.items()}
    return {
        "ms": ms,
        "times faster than FP32": {
            name: record.ratios(per_run["fp32"], per_run[name]) for name in models if name != "fp32"
        },
        "ours / onnxruntime": record.ratios(per_run["ours"], per_run["onnxruntime"]),
    }


def repeated(running: onnxruntime.InferenceSession, sample: Batch) -> tuple[Callable[[], None], int]:
    """A work of at least `ROUND_SECONDS`, and how often it runs the sample."""
    once = partial(running.run, None, dict(sample))
    once()
    count = max(1, round(ROUND_SECONDS / max(1e-6, min(record.seconds(once) for _ in range(3)))))

    def work() -> None:
        for _ in range(count):
            once()

    return work, count


def session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait for the next run by spinning would slow the contender whose turn it is.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def sqnr_db(reference: bytes, candidate: bytes, batches: Sequence[Batch]) -> float:
    """Signal to noise over all outputs of all samples."""
    first, second = session(reference, os.cpu_count() or 1), session(candidate, os.cpu_count() or 1)
    signal = noise = 0.0
    for batch in batches:
        pairs = zip(first.run(None, dict(batch)), second.run(None, dict(batch)), strict=True)
        for exact, found in pairs:
            signal += float(np.sum(exact.astype(np.float64) ** 2))
            noise += float(np.sum((exact.astype(np.float64) - found) ** 2))
    return float(10 * np.log10(signal / noise))


def coverage(model: bytes) -> str:
    found = OrtBackend().coverage(SerializedModel(model))
    return f"{found.integer} of {found.total}"


def show(name: str, figures: dict[str, Any]) -> None:
    print(name, "SQNR dB", figures["SQNR dB"], "integer nodes", figures["integer nodes"], flush=True)
    for threads in itertools.islice(figures, 2, None):
        rows = figures[threads]
        for model, ms in rows["ms"].items():
            faster = rows["times faster than FP32"].get(model, {"median": 1.0})
            print(f"  {threads:10} {model:12} {ms['median']:8.3f} ms  {faster['median']:5.2f} × FP32", flush=True)
        print(f"  {threads:10} ours / onnxruntime", rows["ours / onnxruntime"], flush=True)


if __name__ == "__main__":
    main()
