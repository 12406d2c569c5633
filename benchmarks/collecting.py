"""What calibration costs beside plain inference of the same images, and beside onnxruntime.quantization.

    python -m benchmarks.collecting [--quick] [--threads N]

The floor is FP32 inference with as many threads; one thread is the steadier figure on a machine that others use.
"All rules" is one pass and four searches; the cost of an image in steady state is the slope between a short and a
long run, which leaves the fixed costs out; they are reported apart.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import quantkit
from benchmarks import peer, record
from benchmarks.material import ROOT
from benchmarks.resnet50 import resnet50
from quantkit.core.arrays import Floats
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId
from quantkit.pipeline.collecting import Collecting

RULES = ("max", "entropy", "percentile", "mse")


@dataclass(frozen=True, slots=True)
class Images:
    """`count` images made from a few seeded ones, in batches of `batch`; nothing but a batch is held."""

    input: str
    count: int
    batch: int = 1
    shape: tuple[int, ...] = (3, 224, 224)

    @property
    def size(self) -> int:
        return self.count

    @property
    def preprocessing(self) -> dict[str, Any]:
        return {"seeded": True}

    def __iter__(self) -> Iterator[Samples]:
        few = seeded_images(self.shape)
        for start in range(0, self.count, self.batch):
            chosen = range(start, min(start + self.batch, self.count))
            inputs = np.ascontiguousarray(few[[index % len(few) for index in chosen]])
            yield Samples({self.input: inputs}, tuple(SampleId(f"{index:06}", f"seeded {index}") for index in chosen))


def images_for(model: Path, count: int) -> Images:
    """`count` images for the input of the network at `model`."""
    return Images(onnx.load(model, load_external_data=False).graph.input[0].name, count)


def seeded_images(shape: tuple[int, ...], count: int = 8) -> Floats:
    """Smooth noise, as far from white as photographs are."""
    noise = np.random.default_rng(0).normal(size=(count, shape[0], shape[1] // 8, shape[2] // 8))
    return np.repeat(np.repeat(noise, 8, axis=2), 8, axis=3).astype(np.float32)


def floor(model: Path, images: Images, threads: int) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    for samples in images:
        session.run(None, dict(samples.inputs))


def ours(model: Path, images: Images, threads: int) -> None:
    statistics = quantkit.collect(model, images, how=Collecting(threads=threads))
    for rule in RULES:
        quantkit.calibrate_ranges(statistics, rule)


def collect_only(model: Path, images: Images, threads: int) -> None:
    quantkit.collect(model, images, how=Collecting(threads=threads))


def theirs(model: Path, images: Images, method: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        peer.quantized(model, (samples.inputs for samples in images), Path(folder) / "int8.onnx", method)


def slope(taken: dict[str, list[float]], work: str, few: int, many: int) -> list[float]:
    """Seconds an image in steady state, round by round."""
    pairs = zip(taken[f"{work} {few}"], taken[f"{work} {many}"], strict=True)
    return [(long - short) / (many - few) for short, long in pairs]


def steady(model: Path, *, few: int, many: int, rounds: int, threads: int) -> dict[str, Any]:
    """Per-image cost of the floor, of counting, and of all rules, as ratios within one round."""
    works: dict[str, Callable[[], None]] = {}
    for count in (few, many):
        images = images_for(model, count)
        works[f"floor {count}"] = partial(floor, model, images, threads)
        works[f"collect {count}"] = partial(collect_only, model, images, threads)
        works[f"all rules {count}"] = partial(ours, model, images, threads)
    taken = record.interleaved(works, rounds=rounds)
    floors = slope(taken, "floor", few, many)
    whole = taken[f"all rules {many}"]
    return {
        "floor, ms an image": record.spread([1000 * value for value in floors]),
        "collect / floor, steady": record.ratios(slope(taken, "collect", few, many), floors),
        "all rules / floor, steady": record.ratios(slope(taken, "all rules", few, many), floors),
        f"all rules / floor, whole job of {many}": record.ratios(whole, taken[f"floor {many}"]),
        "fixed cost of all rules, s": record.spread(
            [
                short - few * each
                for short, each in zip(taken[f"all rules {few}"], slope(taken, "all rules", few, many), strict=True)
            ]
        ),
    }


def peers(model: Path, *, count: int, threads: int) -> dict[str, Any]:
    """Whole jobs of the same images, each once: they take long."""
    images = images_for(model, count)
    base = record.seconds(lambda: floor(model, images, threads))
    figures = {"quantkit, all rules": record.seconds(lambda: ours(model, images, threads))}
    for method in ("MinMax", "Entropy", "Percentile"):
        figures[f"onnxruntime {method}"] = record.seconds(partial(theirs, model, images, method))
    return {"images": count, "floor, s": round(base, 3)} | {
        name: {"s": round(taken, 3), "floors": round(taken / base, 2)} for name, taken in figures.items()
    }


def peak_memory(model: Path, count: int) -> int:
    """Peak resident MiB of a process that collects from `count` images."""
    command = [sys.executable, "-m", "benchmarks.collecting", "--peak-of", str(model), "--images", str(count)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_of_this_process() -> int:
    """MiB; the resource module's figure would include what the parent held when it forked."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def networks(folder: Path) -> dict[str, Path]:
    """The networks that are at hand."""
    found = {"resnet50 (seeded weights)": folder / "resnet50.onnx"}
    onnx.save(resnet50(), found["resnet50 (seeded weights)"])
    real = ROOT / "models" / "imagenet" / "mobilenet_v2_1.0_224_imagenet.onnx"
    if real.is_file():
        found["mobilenet_v2"] = real
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few images, to see that it runs")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--peak-of", type=Path)
    parser.add_argument("--images", type=int, default=64)
    given = parser.parse_args()
    if given.peak_of:
        collect_only(given.peak_of, images_for(given.peak_of, given.images), given.threads)
        print(peak_of_this_process())
        return
    few, many, rounds = (8, 16, 1) if given.quick else (16, 80, 5)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in networks(Path(folder)).items():
            figures[name] = steady(model, few=few, many=many, rounds=rounds, threads=given.threads)
            print(name, figures[name], flush=True)
            if not given.quick:
                figures[name]["peak memory, MiB"] = {str(count): peak_memory(model, count) for count in (64, 512)}
                figures[name]["whole job against peers"] = peers(model, count=32, threads=given.threads)
                print(figures[name], flush=True)
    if not given.quick:
        print(record.save("collecting", figures, threads=given.threads, rounds=rounds, few=few, many=many))


if __name__ == "__main__":
    main()
