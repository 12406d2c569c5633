"""Counting and threshold searches on one thread, beside what NumPy alone can do.

    python -m benchmarks.kernels [--quick]

Writes benchmarks/results/kernels-<date>.json: elements a second on a tensor larger than every cache and on small ones,
milliseconds a search, and ratios taken within a round, which hold although the machine is shared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import record
from quantkit.calibrators.entropy import EntropyCalibrator
from quantkit.calibrators.mse import MseCalibrator
from quantkit.calibrators.percentile import PercentileCalibrator
from quantkit.core import _kernels
from quantkit.core.arrays import Doubles, Floats
from quantkit.core.histogram import Histogram
from quantkit.core.tally import Tally

SEED = 0
BINS = 2048
LEVELS = 128
LARGE = 1 << 24
SMALL = (1_000, 10_000, 100_000)

KINDS: Mapping[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda random, n: random.normal(size=n).astype(np.float32),
    "after ReLU": lambda random, n: np.maximum(random.normal(size=n), 0).astype(np.float32),
    "heavy-tailed": lambda random, n: (random.normal(size=n) ** 5).astype(np.float32),
}


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="Counting and threshold searches beside NumPy, on one thread.")
    parser.add_argument("--quick", action="store_true", help="small tensors and one round, to see that it runs")
    quick = parser.parse_args().quick
    large, rounds = (1 << 18, 1) if quick else (LARGE, 7)
    figures = {
        "counting": {kind: counting(kind, large, rounds) for kind in KINDS},
        "counting small tensors": {f"{n}": small(n, rounds) for n in SMALL},
        "searching": {kind: searching(kind, rounds) for kind in KINDS},
    }
    show(figures)
    if not quick:
        record.save(
            "kernels", figures, seed=SEED, bins=BINS, threads=1, rounds=rounds, variants=list(_kernels.VARIANTS)
        )
    return 0


def counting(kind: str, n: int, rounds: int) -> dict[str, Any]:
    """Elements a second for each way of counting `n` values, and ours over each other one."""
    values = KINDS[kind](np.random.default_rng(SEED), n)
    limit = float(np.abs(values).max())
    ways = {variant: folding(values, index) for index, variant in enumerate(_kernels.VARIANTS)}
    works: dict[str, Callable[[], Any]] = {
        **ways,
        "numpy.histogram": lambda: np.histogram(values, 2 * BINS, (-limit, limit)),
        "numpy.bincount": lambda: bincount(values, limit),
        "numpy min and max": lambda: (values.min(), values.max()),
    }
    taken = record.interleaved(works, rounds=rounds)
    ours = taken[_kernels.VARIANTS[0]]
    return {
        "elements a second": {way: record.spread([n / s for s in seconds]) for way, seconds in taken.items()},
        "times as fast": {way: record.ratios(taken[way], ours) for way in works if way not in _kernels.VARIANTS},
    }


def folding(values: Floats, variant: int) -> Callable[[], int]:
    """Counting `values` once more with one of the compiled variants."""
    tally = _kernels.new_tally()
    return lambda: _kernels.fold(tally, values, variant)


def bincount(values: Floats, limit: float) -> Any:
    """The fastest that NumPy alone has: an index for each value, then a count."""
    return np.bincount((np.abs(values) * np.float32((BINS - 0.5) / limit)).astype(np.int64), minlength=BINS)


def small(n: int, rounds: int) -> dict[str, Any]:
    """Elements a second through `Tally.fold` for one tensor of `n` values, the call's own cost with it."""
    values = KINDS["after ReLU"](np.random.default_rng(SEED), n)
    limit = float(values.max())
    calls = max(1, 1_000_000 // n)
    tally = Tally()
    works = {
        "Tally.fold": repeated(lambda: tally.fold(values), calls),
        "numpy.bincount": repeated(lambda: bincount(values, limit), calls),
    }
    taken = record.interleaved(works, rounds=rounds)
    return {
        "elements a second": {way: record.spread([n * calls / s for s in taken[way]]) for way in works},
        "times as fast": {"numpy.bincount": record.ratios(taken["numpy.bincount"], taken["Tally.fold"])},
    }


def repeated(work: Callable[[], Any], times: int) -> Callable[[], None]:
    """One call that makes many."""

    def work_repeatedly() -> None:
        for _ in range(times):
            work()

    return work_repeatedly


def searching(kind: str, rounds: int) -> dict[str, Any]:
    """Milliseconds a tensor for each rule, and for the same search for the least divergence in NumPy."""
    seen = histogram(kind)
    counts = np.trim_zeros(seen.widened(seen.exponent + 1).magnitudes, "b").astype(np.float64)
    works: dict[str, Callable[[], Any]] = {
        "least divergence": lambda: _kernels.least_divergence(counts, LEVELS),
        "least divergence, NumPy prefix sums": lambda: by_prefix_sums(counts),
        "least divergence, direct loop": lambda: by_direct_loop(counts),
        "percentile": lambda: PercentileCalibrator().threshold(seen),
        "entropy": lambda: EntropyCalibrator().threshold(seen),
        "entropy, affine": lambda: EntropyCalibrator(symmetric=False).threshold(seen),
        "mse": lambda: MseCalibrator().threshold(seen),
        "mse, affine": lambda: MseCalibrator(symmetric=False).threshold(seen),
    }
    taken = record.interleaved(works, rounds=rounds)
    ours = taken["least divergence"]
    return {
        "milliseconds": {way: record.spread([1000 * s for s in taken[way]]) for way in works},
        "times as fast": {way: record.ratios(taken[way], ours) for way in list(works)[1:3]},
        "bins": int(counts.size),
        "kept": {
            "compiled": _kernels.least_divergence(counts, LEVELS)[0],
            "prefix sums": by_prefix_sums(counts),
            "direct loop": by_direct_loop(counts),
        },
    }


def histogram(kind: str) -> Histogram:
    """A million values of a kind, counted."""
    tally = Tally()
    tally.fold(KINDS[kind](np.random.default_rng(SEED), 1_000_000))
    return tally.histogram()


def by_direct_loop(counts: Doubles) -> int:
    """The published search, step by step for every number of bins."""
    found = np.full(counts.size + 1, np.inf)
    for kept in range(LEVELS, counts.size + 1):
        reference = counts[:kept].copy()
        reference[-1] += counts[kept:].sum()
        level = np.arange(kept) * LEVELS // kept
        mass, occupied = np.bincount(level, counts[:kept], LEVELS), np.bincount(level, counts[:kept] > 0, LEVELS)
        candidate = np.where(counts[:kept] > 0, mass[level] / np.maximum(occupied[level], 1), 0.0)
        used = reference > 0
        if candidate[used].all():
            shares = reference[used] / reference.sum()
            found[kept] = np.sum(shares * np.log(shares * candidate.sum() / candidate[used]))
    return int(np.argmin(found))


def by_prefix_sums(counts: Doubles) -> int:
    """The same search with every number of bins and every level at once, from three prefix sums."""
    mass, terms, used = (np.append(0.0, np.cumsum(part)) for part in (counts, entropy_terms(counts), counts > 0))
    kept = np.arange(LEVELS, counts.size + 1)
    edges = -(-kept[:, None] * np.arange(LEVELS + 1) // LEVELS)
    levels, occupied = np.diff(mass[edges]), np.diff(used[edges])
    mean = np.log(np.divide(levels, occupied, out=np.ones_like(levels), where=levels > 0))
    last, tail = counts[kept - 1], mass[-1] - mass[kept]
    sums = terms[kept - 1] + entropy_terms(last + tail) - (levels * mean).sum(axis=1) - tail * mean[:, -1]
    found = sums / mass[-1] - np.log(mass[-1]) + np.log(np.maximum(mass[kept], 1e-300))
    found[(tail > 0) & (last == 0)] = np.inf
    return int(kept[np.argmin(found)])


def entropy_terms(counts: Doubles) -> Doubles:
    """x·log x, 0 for 0."""
    return np.asarray(counts * np.log(np.maximum(counts, 1.0)))


def show(figures: Mapping[str, Any]) -> None:
    """Medians, one line each."""
    for part, rows in figures.items():
        for row, found in rows.items():
            unit, spreads = next(iter(found.items()))
            for way, spread in spreads.items():
                print(f"{part:24} {row:14} {way:38} {spread['median']:12.4g} {unit}")


if __name__ == "__main__":
    raise SystemExit(main())
