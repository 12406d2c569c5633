"""What every benchmark writes down: machine, versions, seed, and each figure with its spread."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

from quantkit.backends import _cpu

RESULTS = Path(__file__).parent / "results"


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest, at 4 significant digits.

    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'min': 1.0, 'max': 3.0}
    """
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: float(f"{figure:.4g}") for name, figure in figures.items()}


def seconds(work: Callable[[], Any]) -> float:
    """How long `work` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def interleaved(works: Mapping[str, Callable[[], Any]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of each work in each round, taking turns, after one round that is not counted.

    What slows the machine for a while then slows all of them, and the ratios of one round still hold. Every round
    begins with another work, because what ran before leaves caches and clock rates behind.
    """
    names = list(works)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(rounds + 1):
        first = round_number % len(names)
        for name in (*names[first:], *names[:first]):
            elapsed = seconds(works[name])
            if round_number:
                taken[name].append(elapsed)
    return taken


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Spread of ours / theirs, round by round."""
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def save(name: str, figures: Any, *, folder: Path = RESULTS, **setting: Any) -> Path:
    """Writes ``<name>-<date>.json`` to `folder`, by default benchmarks/results, and returns its path."""
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    document = {"benchmark": name, "date": today, "environment": environment(), "setting": setting, "figures": figures}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{today}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def environment() -> dict[str, str]:
    """The machine and the versions that a figure depends on."""
    versions = {name: _version(name) for name in ("quantkit-ptq", "numpy", "scipy", "pillow", "onnx", "onnxruntime")}
    processor = {"processor": _processor(), "cores": str(_cpu.usable_cores()), "load": f"{os.getloadavg()[0]:.2f}"}
    return {"python": platform.python_version(), **versions, **processor, **_cpu.description()}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
