"""Values and histograms for tests: an independent way of counting, and kinds of tensors that networks have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from quantkit.core.arrays import Array, Doubles, Floats
from quantkit.core.histogram import BINS, LOWEST_EXPONENT, Histogram
from quantkit.core.tally import Tally

Draw = Callable[[np.random.Generator, int], Doubles]


def swish(x: Doubles) -> Doubles:
    """x·sigmoid(x): never below −0.28."""
    return np.asarray(x / (1 + np.exp(-x)))


KINDS: dict[str, Draw] = {
    "gaussian": lambda random, n: random.normal(size=n),
    "shifted": lambda random, n: random.normal(0.7, 1.0, n),
    "relu": lambda random, n: np.maximum(random.normal(size=n), 0.0),
    "negative": lambda random, n: -random.exponential(size=n),
    "heavy-tailed": lambda random, n: random.standard_t(2, n),
    "uniform": lambda random, n: random.random(n),
    "clipped": lambda random, n: np.clip(4 * random.normal(size=n), 0.0, 6.0),
    "softmax": lambda random, n: np.exp(-3 * random.exponential(size=n)),
    "swish": lambda random, n: swish(3 * random.normal(size=n)),
    "images": lambda random, n: random.integers(0, 256, n) / 127.5 - 1.0,
    "outlier": lambda random, n: np.append(random.normal(size=n - 1), 100.0),
    "few": lambda random, n: random.choice([0.0, -1.0, 0.5, 3.0], n),
}


def drawn(kind: str, *, n: int = 20_000, seed: int = 0) -> Floats:
    """float32[n] of a kind that networks have."""
    return KINDS[kind](np.random.default_rng(seed), n).astype(np.float32)


def counted(*batches: Array) -> Histogram:
    """The histogram that counting `batches` one after the other leaves."""
    tally = Tally()
    for batch in batches:
        tally.fold(batch)
    return tally.histogram()


def expected(values: Array) -> Histogram:
    """The histogram of `values`, worked out from its definition in float64."""
    flat = np.asarray(values, np.float32).reshape(-1).astype(np.float64)
    finite = flat[np.isfinite(flat)]
    largest = float(np.abs(finite).max(initial=0.0))
    exponent = LOWEST_EXPONENT
    while largest >= BINS * 2.0**exponent:
        exponent += 1
    sides = [np.floor(side / 2.0**exponent).astype(np.int64) for side in (finite[finite > 0], -finite[finite < 0])]
    return Histogram(
        exponent=exponent,
        positive=np.bincount(sides[0], minlength=BINS),
        negative=np.bincount(sides[1], minlength=BINS),
        zeros=int((finite == 0).sum()),
        nans=int(np.isnan(flat).sum()),
        positive_infinities=int((flat == np.inf).sum()),
        negative_infinities=int((flat == -np.inf).sum()),
        low=float(finite.min(initial=np.inf)),
        high=float(finite.max(initial=-np.inf)),
    )


def any_floats(least: int = 0) -> st.SearchStrategy[Floats]:
    """float32 arrays of every magnitude, NaN, infinities, both zeros and denormals among them."""
    return arrays.arrays(np.float32, st.integers(least, 100), elements=st.floats(width=32))


def finite_floats(least: int = 1) -> st.SearchStrategy[Floats]:
    """The same without NaN and infinities."""
    elements = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return arrays.arrays(np.float32, st.integers(least, 100), elements=elements)


def tensors(n: int = 5_000) -> st.SearchStrategy[Floats]:
    """Tensors of all kinds, scaled by powers of two, and arrays of wild values."""
    scaled = st.builds(
        lambda kind, seed, power: drawn(kind, n=n, seed=seed) * np.float32(2.0**power),
        st.sampled_from(sorted(KINDS)),
        st.integers(0, 1000),
        st.integers(-20, 20),
    )
    return st.one_of(scaled, finite_floats())
