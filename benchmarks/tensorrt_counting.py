"""What collecting statistics on the GPU costs beside the same tapped FP32 engine that does not count.

    QUANTKIT_MATERIAL=FOLDER python -m benchmarks.tensorrt_counting [--network NAME ...]

FOLDER is what benchmarks.gpu_networks gathered. Both hand a batch of 32 to the GPU and wait; they take turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import record
from benchmarks.gpu_networks import BATCH, NETWORKS, Network, chosen
from benchmarks.tensorrt_engines import backends
from quantkit.core.calibration import Calibration
from quantkit.core.errors import SetupError
from quantkit.graph.placement import place
from quantkit.graph.taps import plan_taps, tapped

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.counting import TensorRtCounter

ROUNDS = 40


def measured(network: Network, backend: Callable[..., TensorRtBackend]) -> dict[str, Any]:
    """With the tensors that TensorRT quantizes, and with every tensor there is."""
    every = [*Calibration.load(network.thresholds("max")).tensors]
    quantized = [*place(network.model, "tensorrt").tensors]
    return {name: tapping(network, backend, names) for name, names in {"quantized": quantized, "every": every}.items()}


def tapping(network: Network, backend: Callable[..., TensorRtBackend], tensors: list[str]) -> dict[str, Any]:
    plan = plan_taps(network.model, tensors)
    (observer,) = backend().observers(tapped(network.model, plan.tapped), 1)
    counter: TensorRtCounter = observer  # type: ignore[assignment]
    batch = next(iter(network.data[0])).inputs

    def plain() -> None:
        with counter.engine.gpu.current():
            counter.engine.feed(batch)
            counter.engine.execute()
            counter.engine.stream.synchronize()

    works = {"plain": plain, "counting": lambda: counter.count(batch, plan.inputs)}
    taken = record.interleaved(works, rounds=ROUNDS)
    figures = {
        "tensors": len(plan.tapped) + len(plan.inputs),
        "million values": sum(binding.size for binding in (*counter.engine.outputs, *counter.engine.inputs)) / 1e6,
        "plain ms": record.spread([1e3 * each for each in taken["plain"]]),
        "counting ms": record.spread([1e3 * each for each in taken["counting"]]),
        "counting / plain": record.ratios(taken["counting"], taken["plain"]),
        "on the GPU alone, ms": on_the_gpu(counter),
    }
    print(f"{network.name:16}", "  ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    counter.engine.close()
    return figures


def on_the_gpu(counter: TensorRtCounter) -> dict[str, float]:
    """Median milliseconds between CUDA events, without the copy of the batch."""
    import pycuda.driver as cuda

    spent: dict[str, list[float]] = {"engine": [], "counting": []}
    with counter.engine.gpu.current():
        for _ in range(ROUNDS):
            started, ran, counted = (cuda.Event() for _ in range(3))
            started.record(counter.engine.stream)
            counter.engine.execute()
            ran.record(counter.engine.stream)
            counter.tally()
            counted.record(counter.engine.stream)
            counted.synchronize()
            spent["engine"].append(ran.time_since(started))
            spent["counting"].append(counted.time_since(ran))
    return {name: round(float(np.median(times)), 4) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="*", choices=[network.name for network in NETWORKS])
    parser.add_argument("--timing-cache", type=Path, default=Path("build/tensorrt-timing.cache"))
    parser.add_argument("--output", type=Path, default=record.RESULTS)
    options = parser.parse_args()
    try:
        backend = backends(options.timing_cache)
        environment = dict(backend().environment())
    except SetupError as refusal:
        print(f"nothing was measured: {refusal}")
        return
    results = {network.name: measured(network, backend) for network in chosen(options.network)}
    print(record.save("tensorrt-counting", results, folder=options.output, batch=BATCH, **environment))


if __name__ == "__main__":
    main()
