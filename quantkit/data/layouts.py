"""Arrays of images whose channels stand elsewhere than the model wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.artifact import TensorSpec
from quantkit.core.ports import Samples
from quantkit.data.derived import Derived
from quantkit.data.inputs import takes

# Layout of the data → where each axis of a batch comes from in the other one.
_MOVES = {"nhwc": (0, 3, 1, 2), "nchw": (0, 2, 3, 1)}


@dataclass(frozen=True, slots=True, repr=False)
class Relaid(Derived):
    """The samples of `source`, with the channels of images moved to where the model has them.

    An input that takes the arrays as they are gets them so.

    Args:
        source: batches of arrays.
        specs: the model's inputs, with a batch axis.
        layout: ``"nhwc"`` or ``"nchw"``: what the arrays are.
    """

    specs: tuple[TensorSpec, ...]
    layout: str

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """The source's record, and the layout."""
        return {**self.source.preprocessing, "layout": self.layout}

    def __iter__(self) -> Iterator[Samples]:
        known = {spec.name: spec for spec in self.specs}
        for samples in self.source:
            moved = {name: self._moved(values, known.get(name)) for name, values in samples.inputs.items()}
            yield replace(samples, inputs=moved)

    def _moved(self, values: Array, spec: TensorSpec | None) -> Array:
        if spec is None or values.ndim != 4 or len(spec.shape) != 4 or _fits(values.shape, spec):
            return values
        other = values.transpose(_MOVES[self.layout])
        return np.ascontiguousarray(other) if _fits(other.shape, spec) else values

    def __str__(self) -> str:
        return f"{self.source}; --layout {self.layout}"

    def __repr__(self) -> str:
        return f"Relaid({self.source!r}, {self.layout})"


def _fits(shape: tuple[int, ...], spec: TensorSpec) -> bool:
    """Whether a batch of this shape is what the input takes, however many samples it holds."""
    return takes(spec.shape[1:], shape[1:])
