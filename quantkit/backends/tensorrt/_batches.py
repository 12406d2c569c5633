"""Samples in batches of one shape, which is what TensorRT's calibration takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from quantkit.backends.tensorrt.options import Shape
from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import shape_text
from quantkit.core.errors import DataError
from quantkit.core.ports import Samples
from quantkit.core.statistics import SampleId


@dataclass(slots=True)
class Regrouped:
    """Iterates over `source` once, in batches of exactly `shapes`; every sample is in at least one.

    Samples are taken from the source's batches as they come, whatever their size. Where they do not fill the last
    batch, samples from the beginning fill it up: TensorRT takes no other size, and leaving the rest out could leave
    the largest value out. `repeated` says how many that were.

    Where axis 0 does not count samples, as in a streaming model, each batch is one of the source's own.

    Raises, while iterating:
        DataError: an input is missing, or its shape is not that of the model.
    """

    source: Iterable[Samples]
    shapes: Mapping[str, Shape]
    samples: list[SampleId] = field(default_factory=list)
    repeated: int = 0

    def __iter__(self) -> Iterator[Batch]:
        size = self._batch_size()
        waiting: dict[str, Array] = {}
        first: dict[str, Array] = {}
        for samples in self.source:
            fitting = {name: self._fitting(name, samples, size) for name in self.shapes}
            self.samples.extend(samples.ids)
            if size is None:
                yield fitting
                continue
            waiting = _joined(waiting, fitting)
            first = first or {name: values[:size].copy() for name, values in waiting.items()}
            while len(next(iter(waiting.values()))) >= size:
                yield {name: values[:size] for name, values in waiting.items()}
                waiting = {name: values[size:] for name, values in waiting.items()}
            # The source may use its arrays again.
            waiting = {name: values.copy() for name, values in waiting.items()}
        if size is not None and waiting and len(next(iter(waiting.values()))):
            yield self._filled(waiting, first, size)

    def _batch_size(self) -> int | None:
        """Samples in a batch; ``None`` where inputs do not agree on that, and a batch is one sample."""
        sizes = {shape[0] if shape else None for shape in self.shapes.values()}
        return sizes.pop() if len(sizes) == 1 else None

    def _fitting(self, name: str, samples: Samples, size: int | None) -> Array:
        expected = self.shapes[name]
        values = samples.inputs.get(name)
        if values is None:
            raise DataError(
                "QK2151",
                f"a batch lacks input {name!r}",
                where=_who(samples),
                cause=f"it has {', '.join(sorted(samples.inputs)) or 'none'}",
                hints=["give every input of the model in each batch"],
            )
        shape = values.shape if size is None else (size, *values.shape[1:])
        if shape != expected or values.ndim != len(expected):
            raise DataError(
                "QK2152",
                f"input {name!r} is {shape_text(values.shape)}, but the engine is built for {shape_text(expected)}",
                where=_who(samples),
                hints=[f"--shapes {name}:{shape_text(values.shape)} builds it for such samples"],
            )
        return values

    def _filled(self, waiting: Mapping[str, Array], first: Mapping[str, Array], size: int) -> Batch:
        """The last batch. With fewer samples than one batch takes, the beginning is all there is, again and again."""
        count = len(next(iter(waiting.values())))
        self.repeated = size - count
        return {
            name: np.concatenate([values, np.resize(first[name], (self.repeated, *values.shape[1:]))])
            for name, values in waiting.items()
        }


def _joined(waiting: Mapping[str, Array], more: Mapping[str, Array]) -> dict[str, Array]:
    if not waiting or not len(next(iter(waiting.values()))):
        return dict(more)
    return {name: np.concatenate([values, more[name]]) for name, values in waiting.items()}


def _who(samples: Samples) -> str | None:
    return samples.ids[0].name if samples.ids else None
