"""TensorRT's own calibrators over any data, for build scripts of one's own. Needs TensorRT when it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quantkit.core import plugins
from quantkit.core.artifact import TensorSpec
from quantkit.data.checked import checked
from quantkit.data.inputs import fixed_batch
from quantkit.data.iterables import wrapped
from quantkit.pipeline.models import AnyModel, opened

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.calibrators import Calibrated
    from quantkit.backends.tensorrt.options import Algorithm


def tensorrt_calibrator(
    model: AnyModel, data: Any, algorithm: Algorithm = "entropy", *, allow_few: bool = False
) -> Calibrated:
    """One of TensorRT's calibrators (up to version 10), which never calibrates on less than all of `data`.

        scales = quantkit.tensorrt_calibrator("net.onnx", batches)
        with scales.within(builder, network, config, shapes={"x": (32, 3, 224, 224)}):
            plan = builder.build_serialized_network(network, config)
        scales.save("net.cache")

    TensorRT takes an exception in a calibrator for the end of the data, and calibrates on what came before. Here it is
    raised at the end of the block, and so is the lack of samples; a cache is there after success only.

    Args:
        model: the FP32 model that the network is made of; a path, or what `load_model` or `from_torch` returned.
        data: whatever `collect` takes, or a generator: calibration goes through it once. Batches may be of any size.
        algorithm: ``"max"``, ``"entropy"`` (Entropy2), ``"entropy-1"`` or ``"percentile"``, the legacy one.
        allow_few: accept fewer than 8 samples.

    Raises:
        SetupError: TensorRT or PyCUDA is not installed.
        ModelError: `model` is none that can be quantized.
        UsageError: no such algorithm, or `data` is nothing that can be gone through.
    """
    calibrators = plugins.optional("quantkit.backends.tensorrt.calibrators")
    ready = opened(model)
    source = wrapped(_anew(data), inputs=ready.inputs)
    made: Calibrated = calibrators.Calibrated(
        checked(source, _of_any_batch(ready.inputs), allow_few=allow_few), algorithm, model=ready.digest
    )
    return made


def _anew(data: Any) -> Any:
    """`data`, or a function that returns it where it can be gone through only once, which is enough here."""
    return (lambda: data) if isinstance(data, Iterator) else data


def _of_any_batch(inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """The inputs with a free batch: a network of a fixed one gets batches of that, and no sample is left out."""
    if fixed_batch(inputs) is None:
        return tuple(inputs)
    return tuple(replace(spec, shape=(None, *spec.shape[1:])) for spec in inputs)
