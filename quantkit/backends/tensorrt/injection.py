"""Thresholds found elsewhere, given to TensorRT on the implicit road (up to version 10): as a cache or as ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorrt as trt

from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt._versions import require_calibrators
from quantkit.backends.tensorrt.calibrators import calibrator
from quantkit.backends.tensorrt.network import Parsed
from quantkit.backends.tensorrt.options import Algorithm
from quantkit.core.errors import ArtifactError

# Codes reach 127, and TensorRT's range of a tensor is what they stand for.
_HIGHEST_CODE = 127


@dataclass(slots=True)
class FromCache:
    """Scales in TensorRT's own calibration cache; implements `Int8Scales`.

    A calibrator hands the cache over when TensorRT asks for one. TensorRT ignores a cache whose first line names
    another algorithm or kind of version, and asks for data instead: that is an error here, as there is none.
    """

    cache: bytes | None
    algorithm: Algorithm = "entropy"
    failure: Kept = field(default_factory=Kept)

    def attach(self, parsed: Parsed, config: Any) -> None:
        """Gives `config` a calibrator that knows everything already."""
        require_calibrators("calibrators")
        parsed.use_calibrator(calibrator(self.algorithm, self), config)

    def next_batch(self, names: list[str]) -> None:
        """TensorRT asks for data: it did not take the cache."""
        del names
        with self.failure:
            first_line = (self.cache or b"").partition(b"\n")[0].decode("ascii", "replace")
            raise ArtifactError(
                "QK3275",
                f"TensorRT {trt.__version__} does not take the calibration cache",
                cause=f"its first line is {first_line!r}, the calibrator is {self.algorithm!r}",
                hints=["quantkit cache inspect CACHE shows what it is for"],
            )

    def write(self, cache: Any) -> None:
        """TensorRT writes back what it read."""
        del cache

    def finish(self) -> None:
        """Raises ArtifactError if the cache was not taken."""
        self.failure.release()


@dataclass(slots=True)
class FromRanges:
    """A scale for each tensor, set as a dynamic range; implements `Int8Scales`.

    Args:
        scales: tensor name → real value of one code.

    After a build, `given` counts the tensors that got a range; `unknown` names the scales of tensors that TensorRT's
    network does not have, and `without` the tensors that have no scale, of which some are constants or shapes.
    """

    scales: Mapping[str, float]
    given: int = 0
    unknown: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    failure: Kept = field(default_factory=Kept)

    def attach(self, parsed: Parsed, config: Any) -> None:
        """Sets the range of every tensor of the network that a scale is known for."""
        del config
        require_calibrators("dynamic ranges")
        names = []
        for tensor in tensors(parsed.network):
            names.append(tensor.name)
            if tensor.name in self.scales:
                limit = self.scales[tensor.name] * _HIGHEST_CODE
                tensor.dynamic_range = (-limit, limit)
        self.given = len(self.scales.keys() & set(names))
        self.unknown = tuple(sorted(self.scales.keys() - set(names)))
        self.without = tuple(name for name in names if name not in self.scales)

    def finish(self) -> None:
        """Ranges are set before the build: nothing is left that could have gone wrong."""


def tensors(network: Any) -> Iterator[Any]:
    """Every tensor of a network: its inputs, and what its layers make."""
    for at in range(network.num_inputs):
        yield network.get_input(at)
    for at in range(network.num_layers):
        layer = network.get_layer(at)
        for output in range(layer.num_outputs):
            yield layer.get_output(output)
