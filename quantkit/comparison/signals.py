"""Outputs as signals: the reference's values, and how far the candidate's are from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quantkit.core.arrays import Doubles
from quantkit.core.ports import Answers, Obstacle


def no_signal(answers: Answers) -> Obstacle | None:
    """No output is floating-point."""
    found = any(values.dtype.kind == "f" for values in answers.reference.values())
    return None if found else Obstacle("no output is floating-point")


def sample_count(answers: Answers) -> int:
    """Samples in the batch, which every output counts along axis 0."""
    return len(next(iter(answers.reference.values())))


def pairs(answers: Answers) -> Iterator[tuple[int, Doubles, Doubles]]:
    """Sample index, reference's values and candidate's, float64[m] each, for every floating-point output.

    Where both hold the same infinity, as scores of masked classes do, there is nothing to compare and the
    position is left out. One sample at a time, so that large outputs do not lie in memory again as doubles.
    """
    for name, expected in answers.reference.items():
        if expected.dtype.kind == "f":
            for index, (mine, theirs) in enumerate(zip(expected, answers.candidate[name], strict=True)):
                yield index, *_comparable(_flat(mine), _flat(theirs))


def _flat(values: Doubles) -> Doubles:
    return np.asarray(values, np.float64).reshape(-1)


def _comparable(expected: Doubles, found: Doubles) -> tuple[Doubles, Doubles]:
    if np.isfinite(expected).all():
        return expected, found
    kept = np.isfinite(expected) | (expected != found)
    return expected[kept], found[kept]


def energy(values: Doubles) -> float:
    """The sum of squares of the finite values."""
    finite = values if np.isfinite(values).all() else values[np.isfinite(values)]
    return float(finite @ finite)


def errors(expected: Doubles, found: Doubles) -> Doubles:
    """found − expected; a value that is NaN or infinite on one side only is infinitely wrong.

    >>> errors(np.array([1.0, 2.0]), np.array([1.5, np.nan]))
    array([0.5, inf])
    """
    with np.errstate(invalid="ignore"):
        differences = found - expected
    return np.where(np.isnan(differences), np.inf, differences)
