"""TensorRT engines of real networks: what INT8 costs and gains, by TensorRT's own calibrators and by our thresholds.

    QUANTKIT_MATERIAL=FOLDER python -m benchmarks.tensorrt_engines [--network NAME ...] [--only ENGINE ...]

FOLDER is what benchmarks.gpu_networks gathered. Every engine takes batches of 32. Accuracy and SQNR are of held-out
samples against the FP32 engine (TF32 off), the latencies those of CUDA events, engines taking turns. `--deadline` ends
a run in time; kernel times are kept in `--timing-cache`, so that the next run, which may `--go-on`, is faster.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import quantkit
from benchmarks import material, record
from benchmarks.gpu_networks import BATCH, CALIBRATE_ON, NETWORKS, RULES, Network, chosen
from quantkit.comparison.evaluation import compared
from quantkit.comparison.proportions import paired_difference
from quantkit.core import plugins
from quantkit.core.arrays import Array, Floats
from quantkit.core.artifact import SerializedModel
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Interval
from quantkit.core.errors import SetupError
from quantkit.core.timing import time_ratio
from quantkit.core.trt_cache import Header, TensorrtCache
from quantkit.core.trt_cache_text import parsed
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.halves import with_halves
from quantkit.graph.scales import completed
from quantkit.pipeline.speed import Placing

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.runtime import TensorRtEngine

OWN_CALIBRATORS = {"trt-max": "max", "trt-entropy": "entropy"}
# "qdq-…" leaves out where integers are no faster, "everywhere-…" does not; "casts-…" has FP16 in the model as well.
PLACED = tuple(f"qdq-{rule}" for rule in RULES)
ENGINES = ("fp16", "casts-fp16", *OWN_CALIBRATORS, *RULES, *PLACED, "everywhere-entropy")


@dataclass
class Run:
    """Engines of one network, as far as they are built, and what was found out about them."""

    network: Network
    backend: Callable[..., TensorRtBackend]
    stack: ExitStack
    deadline: float
    engines: dict[str, TensorRtEngine] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    cache: bytes = b""

    def build(self, name: str) -> None:
        """Builds the engine called `name`, compares it with FP32, and prints what it is."""
        if time.monotonic() > self.deadline:
            print(f"  {name:20} left out: out of time", flush=True)
            return
        started = time.monotonic()
        model, engine = self._made(name)
        self.engines[name] = self.stack.enter_context(engine)
        spent = time.monotonic() - started
        self.figures[name] = {"build s": round(spent, 1), "MB": round(engine.size_bytes / 1e6, 2)}
        self.figures[name] |= self._inspected(name, model)
        if name != "fp32":
            self.figures[name] |= self._compared(name)
        print(f"  {name:20}", "  ".join(f"{key} {value}" for key, value in self.figures[name].items()), flush=True)

    def _made(self, name: str) -> tuple[SerializedModel, TensorRtEngine]:
        from quantkit.backends.tensorrt.calibrators import Calibrated
        from quantkit.backends.tensorrt.injection import FromCache

        plain = self.network.model.serialized()
        if name in ("fp32", "fp16"):
            return plain, self.backend(precision=name).build(plain)
        if name == "casts-fp16":
            typed = SerializedModel(with_halves(self.network.model.proto).proto.SerializeToString())
            return typed, self.backend(precision="fp16").build(typed)
        if name in OWN_CALIBRATORS:
            scales = Calibrated(self.network.data[0], OWN_CALIBRATORS[name])  # type: ignore[arg-type]
            engine = self.backend().build(plain, scales)
            self.cache = scales.cache if name == "trt-entropy" else self.cache
            return plain, engine
        if name in RULES:
            return plain, self.backend().build(plain, FromCache(self._injected(name)))
        paired = self._with_pairs(name)
        return paired, self.backend().build(paired)

    def _injected(self, rule: str) -> bytes:
        """Our thresholds as the cache that TensorRT takes for one of its own."""
        version = self.backend().environment()["tensorrt"]
        own = TensorrtCache.of(Calibration.load(self.network.thresholds(rule)), Header.of(version))
        return TensorrtCache(own.header, completed(self.network.model, own.scales)).to_bytes()

    def _with_pairs(self, name: str) -> SerializedModel:
        """Our thresholds as Q/DQ nodes, where they are wanted."""
        placement, _, rule = name.partition("-")
        exclude = self.exclusion if placement == "qdq" else None
        with tempfile.TemporaryDirectory() as folder:
            written = quantkit.quantize(
                self.network.model,
                Calibration.load(self.network.thresholds(rule)),
                to=Path(folder) / "int8.onnx",
                target="tensorrt",
                exclude=exclude,
            )
            return SerializedModel(written.path.read_bytes())

    @cached_property
    def exclusion(self) -> Exclusion:
        """Where integers are no faster. How long a kernel takes does not depend on the rule that chose its scales."""
        from quantkit.backends.tensorrt.injection import FromCache

        started, calibration = time.monotonic(), Calibration.load(self.network.thresholds("entropy"))
        placing = Placing(self.network.model, calibration, lambda precision, _: self.backend(precision=precision))
        found = placing.fastest(Exclusion(), FromCache(self._injected("entropy")))
        self.figures["placement"] = {"search s": round(time.monotonic() - started, 1), "in floats": list(found.nodes)}
        print(f"  kept in floats: {', '.join(found.nodes) or 'nothing'}", flush=True)
        return found

    def _inspected(self, name: str, model: SerializedModel) -> dict[str, Any]:
        from quantkit.backends.tensorrt import inspection

        layers = self.backend().layers(self.engines[name], model)
        graph = self.network.model.proto.graph
        covered = inspection.coverage(layers, graph)
        return {"int8": f"{covered.integer}/{covered.total}", "layers": str(inspection.composition(layers))}

    def _compared(self, name: str) -> dict[str, Any]:
        evaluation = compared(self.engines["fp32"], {name: self.engines[name]}, self.network.data[1])
        found: dict[str, Any] = {}
        for summary in evaluation.metrics[name]:
            found[summary.metric] = round(summary.candidate, 5)
            if summary.difference is not None:
                found[f"{summary.metric} difference"] = str(summary.difference)
        if self.network.pairs:
            found |= verified(self.network, self.engines["fp32"], self.engines[name])
        return found

    def timed(self) -> None:
        """Latencies of all engines, taking turns, and ratios of two with their 95 % intervals."""
        samples = next(iter(self.network.data[1]))
        latencies = self.backend().latencies(self.engines, samples)
        for name, latency in latencies.items():
            self.figures[name]["ms"] = round(latency.p50_ms, 4)
            self.figures[name]["ms p90"] = round(latency.p90_ms, 4)
            self._told(name, "times as fast as fp32", time_ratio(latencies["fp32"], latency))
        for name, rule in zip(PLACED, RULES, strict=True):
            if name in latencies and rule in latencies:
                self._told(name, "of implicit", time_ratio(latencies[name], latencies[rule]))

    def _told(self, name: str, what: str, ratio: Interval | None) -> None:
        if ratio is not None:
            shown = [round(value, 4) for value in (ratio.estimate, ratio.low, ratio.high)]
            self.figures[name][what] = shown
            print(f"  {name:20} {shown[0]:.3f} {what}, [{shown[1]:.3f}, {shown[2]:.3f}]", flush=True)

    def distance(self) -> None:
        """How far our entropy thresholds are from TensorRT's own, as a share of the largest value."""
        ours = TensorrtCache.of(Calibration.load(self.network.thresholds("entropy")), Header()).scales
        most = Calibration.load(self.network.thresholds("max")).ranges
        theirs = parsed(self.cache, "cache").scales
        shared = [name for name in theirs if name in ours and most[name].limit > 0]
        apart = [abs(float(ours[name]) - float(theirs[name])) * 127 / float(most[name].limit) for name in shared]
        self.figures["trt-entropy"]["distance of thresholds"] = round(float(np.mean(apart)), 5)
        print(f"  entropy thresholds: {np.mean(apart):.2%} of the maximum apart, {len(shared)} tensors", flush=True)


def verified(network: Network, reference: TensorRtEngine, candidate: TensorRtEngine) -> dict[str, Any]:
    """Same person or not, by cosine at the threshold that is best for FP32, on pairs that did not calibrate."""
    names = sorted(path.name for path in (material.ROOT / network.folders[0]).iterdir())
    rows = [line.split(",") for line in (material.ROOT / network.pairs).read_text().splitlines()[1:]]
    at = {name: index - CALIBRATE_ON for index, name in enumerate(names)}
    pairs = np.array([(at[a], at[b], int(same)) for a, b, same in rows if at[a] >= 0 and at[b] >= 0])
    scores = [cosines(embedded(network, engine), pairs) for engine in (reference, candidate)]
    same = pairs[:, 2] == 1
    threshold = max(scores[0], key=lambda value: int(((scores[0] >= value) == same).sum()))
    right = [(score >= threshold) == same for score in scores]
    difference = paired_difference(int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum()), len(pairs))
    return {"verification": round(float(right[1].mean()), 5), "verification difference": str(difference)}


def embedded(network: Network, engine: TensorRtEngine) -> Floats:
    """float32[faces, 128] of the faces that did not calibrate."""
    return np.concatenate([next(iter(engine.run(samples.inputs).values())).copy() for samples in network.data[1]])


def cosines(embeddings: Floats, pairs: Array) -> Floats:
    lengths = np.linalg.norm(embeddings, axis=1)
    one, other = pairs[:, 0], pairs[:, 1]
    found: Floats = (embeddings[one] * embeddings[other]).sum(axis=1) / (lengths[one] * lengths[other])
    return found


def measured(
    network: Network, backend: Callable[..., Any], only: list[str], deadline: float
) -> Iterator[dict[str, Any]]:
    """Figures of one network, each time something new is known."""
    print(network.name, flush=True)
    with ExitStack() as stack:
        run = Run(network, backend, stack, deadline)
        for name in ("fp32", *(name for name in ENGINES if name in only)):
            if name not in run.engines:
                run.build(name)
                yield run.figures
        run.timed()
        if run.cache:
            run.distance()
        yield run.figures


def main() -> None:
    options = arguments().parse_args()
    try:
        backend = backends(options.timing_cache)
        environment = dict(backend().environment())
    except SetupError as refusal:
        print(f"nothing was measured: {refusal}")
        return
    deadline = time.monotonic() + options.deadline
    partial = options.output / "tensorrt-partial.json"
    results: dict[str, dict[str, Any]] = json.loads(partial.read_text()) if options.go_on else {}
    for network in chosen(options.network):
        for figures in measured(network, backend, options.only, deadline):
            results[network.name] = figures
            options.output.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(results, indent=1))
    setting = {"batch": BATCH, "calibrated on": CALIBRATE_ON, **environment}
    print(record.save("tensorrt", results, folder=options.output, **setting))


def backends(timing_cache: Path) -> Callable[..., TensorRtBackend]:
    """Makes backends with some build options; they share kernel times."""
    made = plugins.load("quantkit.backends", "tensorrt")
    options = plugins.optional("quantkit.backends.tensorrt.options").BuildOptions

    def backend(**changes: Any) -> TensorRtBackend:
        built: TensorRtBackend = made(options=options(batch=BATCH, timing_cache=timing_cache, **changes))
        return built

    return backend


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="*", choices=[network.name for network in NETWORKS])
    parser.add_argument("--only", nargs="*", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--deadline", type=float, default=500.0, metavar="S", help="start no build after so long")
    parser.add_argument("--go-on", action="store_true", help="add to what tensorrt-partial.json in the output has")
    parser.add_argument("--timing-cache", type=Path, default=Path("build/tensorrt-timing.cache"))
    parser.add_argument("--output", type=Path, default=record.RESULTS)
    return parser


if __name__ == "__main__":
    main()
