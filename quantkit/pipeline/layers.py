"""From an FP32 model and an INT8 one to what every quantized activation loses, alone and after the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantkit.comparison.layers import NoiseMeter
from quantkit.core import arguments, plugins
from quantkit.core.arrays import Batch
from quantkit.core.errors import TooLittleError
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.ports import Backend, Samples
from quantkit.data.checked import checked
from quantkit.data.inputs import fixed_batch, has_batch_axis
from quantkit.data.iterables import wrapped
from quantkit.graph.choosable import Choice, choosable
from quantkit.graph.model import Model, load
from quantkit.graph.pairs import QuantizedActivation, quantized_activations
from quantkit.graph.taps import tapped
from quantkit.pipeline.comparing import Candidate, Progress
from quantkit.pipeline.models import AnyModel, opened


@dataclass(frozen=True, slots=True)
class Tracing:
    """How far it goes; more samples cost time and no memory.

    Args:
        samples: at most so many, from the start of the source.
        runs: at most so many runs of one sample for the effect on the output, which takes one for each tensor and
            sample; 0 leaves that out.
        backend: plug-in name of the engine.
        threads: threads of one call; ``None`` takes every core.
    """

    samples: int = 32
    runs: int = 200
    backend: str = "ort"
    threads: int | None = None

    def __post_init__(self) -> None:
        """Refuses values of another kind, and numbers that trace nothing."""
        arguments.hold_fields(self)
        arguments.hold_least(self, samples=1, runs=0, threads=1)


@arguments.checked
def layer_errors(
    reference: AnyModel,
    candidate: Candidate,
    source: Any,
    *,
    how: Tracing | None = None,
    progress: Progress | None = None,
) -> LayerErrors:
    """Runs both models side by side and compares every activation that the INT8 model quantizes.

    Any Q/DQ model will do whose activations have the names of the FP32 model. Memory holds the activations of four
    samples, or of one batch where the model's is fixed.

    Args:
        reference: the FP32 model.
        candidate: the INT8 model, with Q/DQ pairs.
        source: as for `compare`; labels are not used.
        how: options; by default `Tracing()`.
        progress: told (samples done, samples in all).

    Raises:
        TooLittleError: no activation of the INT8 model is quantized and found in the FP32 model.
        DataError: the data does not fit the model, or there is none.
    """
    how = how or Tracing()
    model, int8 = opened(reference), load(_path(candidate))
    activations = quantized_activations(model, int8)
    if not activations:
        raise TooLittleError(
            "QK5003",
            "no activation of the INT8 model is found in the FP32 model",
            cause="it has no Q/DQ pairs, or its tensors have other names",
            hints=["give the FP32 model that the INT8 model was made from"],
        )
    backend: Backend = plugins.load("quantkit.backends", how.backend)(threads=how.threads)
    batches = _Few(checked(wrapped(source, inputs=model.inputs), model.inputs, allow_few=True), model, how.samples)
    tracks = [_Track(activation) for activation in activations]
    samples = _followed(backend, (model, int8), tracks, batches, progress)
    outputs, output_samples = _alone(backend, model, activations, batches, how.runs)
    layers = (track.error(outputs.get(track.activation.tensor)) for track in tracks)
    return LayerErrors(model.digest, int8.digest, samples, output_samples, tuple(layers))


def _path(candidate: Candidate) -> Any:
    return getattr(candidate, "path", candidate)


@dataclass(frozen=True, slots=True)
class _Few:
    """The first samples of a source, in small batches where the model lets them be cut."""

    source: Any
    model: Model
    most: int

    _PIECE = 4

    def __iter__(self) -> Iterator[Samples]:
        yield from self.first(self.most)

    def first(self, most: int, piece: int = _PIECE) -> Iterator[Samples]:
        """Batches of at most `piece` until `most` samples came."""
        specs = self.model.inputs
        divisible = has_batch_axis(specs) and fixed_batch(specs) is None
        done = 0
        for samples in self.source:
            parts = _cut(samples, min(piece, max(1, most))) if divisible else iter([samples])
            for part in parts:
                if done >= most:
                    return
                yield part
                done += len(part)


def _cut(samples: Samples, size: int) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        own = slice(start, start + size)
        yield Samples({name: values[own] for name, values in samples.inputs.items()}, samples.ids[own])


class _Track:
    """What is known so far of one activation."""

    def __init__(self, activation: QuantizedActivation) -> None:
        self.activation = activation
        self._isolated, self._accumulated = NoiseMeter(), NoiseMeter()

    def add(self, expected: Batch, found: Batch) -> None:
        """Takes in one batch of both models."""
        values = expected[self.activation.tensor]
        how = self.activation.parameters
        self._isolated.add(values, how.dequantize(how.quantize(values)))
        self._accumulated.add(values, found[self.activation.restored])

    def error(self, output_db: float | None) -> LayerError:
        """The ratios."""
        own = self.activation
        ratios = self._isolated.decibels, self._accumulated.decibels
        return LayerError(own.tensor, own.operator, *ratios, output_db, own.node)


def _followed(
    backend: Backend, models: tuple[Model, Model], tracks: Sequence[_Track], batches: _Few, progress: Progress | None
) -> int:
    """Feeds the tracks; returns how many samples there were."""
    model, int8 = models
    done = 0
    with ExitStack() as stack:
        exact = stack.enter_context(backend.build(tapped(model, [track.activation.tensor for track in tracks])))
        coded = stack.enter_context(backend.build(tapped(int8, [track.activation.restored for track in tracks])))
        for samples in batches:
            expected = {**samples.inputs, **exact.run(samples.inputs)}
            found = coded.run(samples.inputs)
            for track in tracks:
                track.add(expected, found)
            done += len(samples)
            if progress:
                progress(done, batches.most)
    return done


def _alone(
    backend: Backend, model: Model, activations: Sequence[QuantizedActivation], batches: _Few, runs: int
) -> tuple[Mapping[str, float], int]:
    """Tensor → ratio at the model's outputs when it alone is quantized; and on how many samples."""
    most = min(runs // len(activations), batches.most)
    if not most:
        return {}, 0
    switched = choosable(model, [Choice(activation.tensor, activation.parameters) for activation in activations])
    meters = {activation.tensor: NoiseMeter() for activation in activations}
    done = 0
    with backend.build(switched.model) as engine:
        for samples in batches.first(most):
            answered = engine.run(switched.with_choices(samples.inputs, ()))
            expected = {name: np.array(values) for name, values in answered.items()}
            for number, meter in enumerate(meters.values()):
                found = engine.run(switched.with_choices(samples.inputs, (number,)))
                for name, values in expected.items():
                    if values.dtype.kind == "f":
                        meter.add(values, found[name])
            done += len(samples)
    return {tensor: meter.decibels for tensor, meter in meters.items()}, done
