"""TensorRT's own calibrators (up to version 10), fed with representative batches, and honest about how that went.

The bindings take an exception in ``get_batch`` for the end of the data, and TensorRT then makes an engine and a cache
of what came before. Here the first exception comes back after the build, and no cache leaves before all went well.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import pycuda.driver as cuda
import tensorrt as trt

from quantkit.backends.tensorrt._batches import Regrouped
from quantkit.backends.tensorrt._cuda import DeviceMemory, gpu
from quantkit.backends.tensorrt._dtypes import as_fed, numpy_type
from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt._progress import BuildProgress
from quantkit.backends.tensorrt._versions import require_calibrators
from quantkit.backends.tensorrt.network import Parsed
from quantkit.core.arrays import Batch
from quantkit.core.errors import DataError
from quantkit.core.ports import BatchSource

logger = logging.getLogger(__name__)

Algorithm: TypeAlias = Literal["max", "entropy", "entropy-1", "percentile"]

# "max" and "entropy" look at every tensor of the model, the other two at those that are left after fusion.
ALGORITHMS: Mapping[str, str] = {
    "max": "IInt8MinMaxCalibrator",
    "entropy": "IInt8EntropyCalibrator2",
    "entropy-1": "IInt8EntropyCalibrator",
    "percentile": "IInt8LegacyCalibrator",
}


@dataclass(slots=True)
class Calibrated:
    """Scales that TensorRT finds itself while it builds; implements `Int8Scales`.

    Args:
        source: representative samples.
        algorithm: which of TensorRT's rules.
        quantile: the share of the values that ``"percentile"`` keeps.
        regression_cutoff: its second parameter, as a share of the maximum; 1 keeps the quantile.
        progress: told how many batches were fed.

    After a build, `cache` holds the calibration cache as TensorRT wrote it, and `facts` says what it was made of.
    """

    source: BatchSource
    algorithm: Algorithm = "entropy"
    quantile: float = 0.9999
    regression_cutoff: float = 1.0
    progress: BuildProgress | None = None
    cache: bytes = b""
    facts: dict[str, Any] = field(default_factory=dict)
    _feed: Feed = field(init=False, repr=False)

    def attach(self, parsed: Parsed, config: Any) -> None:
        """Gives `config` a calibrator.

        Raises:
            SetupError: this version of TensorRT has none.
        """
        require_calibrators("calibrators")
        inputs = [parsed.network.get_input(at) for at in range(parsed.network.num_inputs)]
        self._feed = Feed(
            Regrouped(self.source, {name: shapes.usual for name, shapes in parsed.profiles.items()}),
            {tensor.name: numpy_type(tensor.dtype, tensor.name) for tensor in inputs},
            self.progress,
        )
        options = {"quantile": self.quantile, "regression_cutoff": self.regression_cutoff}
        parsed.use_calibrator(calibrator(self.algorithm, self._feed, **options), config)

    def finish(self) -> None:
        """Takes the cache over.

        Raises:
            DataError: fewer samples came than the source promised, none at all, or they do not fit the model.
            BaseException: whatever else the source raised, as it raised it.
        """
        feed = self._feed
        try:
            feed.failure.release()
            feed.refuse_too_few(self.source.size)
        finally:
            feed.free()
        self.cache, self.facts = feed.written, {**self._described(), **feed.facts()}

    def _described(self) -> dict[str, Any]:
        chosen = {"algorithm": self.algorithm, "tensorrt": trt.__version__, "gpu": gpu().name}
        if self.algorithm == "percentile":
            chosen |= {"quantile": self.quantile, "regression_cutoff": self.regression_cutoff}
        return {**chosen, "preprocessing": dict(self.source.preprocessing)}


class Feed:
    """What a calibrator's methods do, apart from the classes that TensorRT wants them to be in."""

    def __init__(
        self, batches: Regrouped, dtypes: Mapping[str, np.dtype[Any]], progress: BuildProgress | None = None
    ) -> None:
        self.failure = Kept()
        self.cache: bytes | None = None
        self.written = b""
        self._batches, self._dtypes, self._progress = batches, dtypes, progress
        self._waiting: Iterator[Batch] = iter(batches)
        self._memory = {name: DeviceMemory() for name in dtypes}
        self._fed = 0

    def next_batch(self, names: list[str]) -> list[int] | None:
        """Device addresses of the next batch's inputs in the order of `names`; ``None`` at the end, or on failure."""
        with self.failure:
            batch = None if self.failure.error else next(self._waiting, None)
            if batch is None:
                return None
            addresses = [self._uploaded(name, batch) for name in names]
            self._fed += 1
            if self._progress:
                self._progress(f"calibrating: {len(self._batches.samples)} samples")
            return addresses
        return None

    def _uploaded(self, name: str, batch: Batch) -> int:
        values = np.ascontiguousarray(as_fed(batch[name], self._dtypes[name], name))
        memory = self._memory[name]
        address = memory.fit(values.nbytes)
        cuda.memcpy_htod(address, values)
        return address

    def write(self, cache: Any) -> None:
        """Keeps what TensorRT calls the calibration cache; a file is written by those who know that all went well."""
        with self.failure:
            self.written = bytes(cache)

    def refuse_too_few(self, promised: int | None) -> None:
        """Raises DataError where the source ended early, which TensorRT takes for a complete pass."""
        samples = len(self._batches.samples)
        if not samples:
            raise DataError("QK2101", "0 calibration samples", hints=["look at --data"])
        if promised is not None and samples < promised:
            raise DataError(
                "QK2154",
                f"{samples} calibration samples came of {promised} that were promised",
                cause="the source ended early; nothing was written",
                hints=["give a source that yields as many samples as it says"],
            )
        if self._batches.repeated:
            logger.info("%d samples were repeated to fill the last batch", self._batches.repeated)

    def facts(self) -> dict[str, Any]:
        """What the scales were made of, as JSON values."""
        listed = "\n".join(f"{sample.name}\t{sample.digest}" for sample in self._batches.samples)
        return {
            "samples": len(self._batches.samples),
            "samples_digest": hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest(),
            "batches": self._fed,
            "repeated": self._batches.repeated,
        }

    def free(self) -> None:
        """Gives the device memory back; not before the build is over."""
        for memory in self._memory.values():
            memory.free()


class Answers(Protocol):
    """What TensorRT asks a calibrator for."""

    cache: bytes | None

    def next_batch(self, names: list[str]) -> list[int] | None:
        """Device addresses of one more batch; ``None`` when there is none."""

    def write(self, cache: Any) -> None:
        """Takes the finished calibration cache."""


def calibrator(
    algorithm: Algorithm, answers: Answers, *, quantile: float = 0.9999, regression_cutoff: float = 1.0
) -> Any:
    """An object of the class that TensorRT wants; made here, as version 11 has nothing to derive from."""
    questions: type[_Questions] = _PercentileQuestions if algorithm == "percentile" else _Questions
    made = type("Calibrator", (questions, getattr(trt, ALGORITHMS[algorithm])), {})()
    made.answers, made.quantile, made.regression_cutoff = answers, quantile, regression_cutoff
    return made


class _Questions:
    """What TensorRT asks a calibrator, handed on."""

    answers: Answers

    def get_batch_size(self) -> int:
        # With an explicit batch, which every network here has, the batch is part of the shapes.
        return 1

    def get_batch(self, names: list[str]) -> list[int] | None:
        return self.answers.next_batch(names)

    def read_calibration_cache(self) -> bytes | None:
        return self.answers.cache

    def write_calibration_cache(self, cache: Any) -> None:
        self.answers.write(cache)


class _PercentileQuestions(_Questions):
    """The oldest rule has parameters, and a cache for its histograms that nobody needs."""

    quantile: float
    regression_cutoff: float

    def get_quantile(self) -> float:
        return self.quantile

    def get_regression_cutoff(self) -> float:
        return self.regression_cutoff

    def read_histogram_cache(self, length: int) -> None:
        del length

    def write_histogram_cache(self, pointer: Any, length: int) -> None:
        del pointer, length
