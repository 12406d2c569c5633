"""Made-up samples, for whoever asks for them by name and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.core.text import printable
from quantkit.data.batches import Batches
from quantkit.data.inputs import dtype_of, fixed, has_batch_axis
from quantkit.data.reading import Reading
from quantkit.data.records import Filled, Slot, content_digest
from quantkit.data.selection import Selection


@dataclass(frozen=True, slots=True)
class SyntheticRecords:
    """`count` samples of noise: standard normal reals; 0 or 1 for integers, which every table has entries for."""

    outlines: Mapping[str, Slot]
    count: int
    seed: int

    @property
    def names(self) -> Sequence[str]:
        """``synthetic-0`` and so on."""
        return [f"synthetic-{number}" for number in range(self.count)]

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The mark by which a gate refuses what comes of this."""
        return {"synthetic": True}

    def outline(self) -> Mapping[str, Slot]:
        """The inputs' shapes."""
        return self.outlines

    def fill(self, position: int, rows: Mapping[str, Array]) -> Filled:
        """Draws a sample; the same one for the same seed and position."""
        draws = np.random.default_rng([self.seed, position])
        for row in rows.values():
            row[...] = draws.standard_normal(row.shape) if row.dtype.kind == "f" else draws.integers(0, 2, row.shape)
        return Filled(content_digest(rows))

    def __str__(self) -> str:
        return f"{self.count} samples of noise, seed {self.seed}"

    def __repr__(self) -> str:
        return f"SyntheticRecords({self})"


def synthetic(
    specs: Sequence[TensorSpec],
    count: int,
    seed: int = 0,
    *,
    selection: Selection | None = None,
    reading: Reading | None = None,
) -> Batches:
    """A source of `count` made-up samples for the inputs `specs`; its record says ``{"synthetic": true}``.

    Raises:
        UsageError: an input has a free dimension besides the batch axis; which size it should have nobody said.

    >>> source = synthetic([TensorSpec("x", "float32", ("N", 3, 8, 8))], 4)
    >>> source.size, source.preprocessing
    (4, {'synthetic': True})
    """
    if count < 1:
        raise UsageError("QK1033", f"{count} synthetic samples", hints=["ask for 1 or more"])
    first = 1 if has_batch_axis(specs) else 0
    outlines = {spec.name: Slot(_shape(spec, first), dtype_of(spec)) for spec in specs}
    return Batches(SyntheticRecords(outlines, count, seed), selection or Selection(), reading or Reading())


def _shape(spec: TensorSpec, first: int) -> tuple[int, ...]:
    sizes = [fixed(size) for size in spec.shape[first:]]
    if None in sizes:
        raise UsageError(
            "QK1037",
            f"input {printable(str(spec))} has dimensions without a size",
            hints=["give them, as in --shapes x:1x3x224x224"],
        )
    return tuple(size for size in sizes if size is not None)
