"""TensorRT's own calibrators (up to version 10), fed with representative batches, and honest about how that went.

The bindings take an exception in ``get_batch`` for the end of the data, and TensorRT then makes an engine and a cache
of what came before. Here the first exception comes back after the build, and no cache leaves before all went well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import tensorrt as trt

from quantkit.backends.tensorrt._batches import Regrouped
from quantkit.backends.tensorrt._dtypes import numpy_type
from quantkit.backends.tensorrt._feed import Feed
from quantkit.backends.tensorrt._log import Kept
from quantkit.backends.tensorrt._progress import BuildProgress
from quantkit.backends.tensorrt._versions import known, require_calibrators
from quantkit.backends.tensorrt.network import Parsed, made_elsewhere
from quantkit.backends.tensorrt.options import Algorithm
from quantkit.core import trt_cache_file
from quantkit.core.arguments import refused
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Provenance
from quantkit.core.errors import UsageError
from quantkit.core.ports import BatchSource
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.trt_cache_text import parsed as cache_from

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

    `quantkit.tensorrt_calibrator` makes one of any data. After a build, `cache` holds the calibration cache as TensorRT
    wrote it, and `facts` says what it was made of; both are empty until TensorRT has seen all samples.

    Args:
        source: representative samples.
        algorithm: which of TensorRT's rules.
        quantile: the share of the values that ``"percentile"`` keeps.
        regression_cutoff: its second parameter, as a share of the maximum; 1 keeps the quantile.
        progress: told how many samples were fed.
        model: digest of the FP32 model, which `save` puts on record.

    Raises:
        UsageError: no such rule, or something else than a source.
    """

    source: BatchSource
    algorithm: Algorithm = "entropy"
    quantile: float = 0.9999
    regression_cutoff: float = 1.0
    progress: BuildProgress | None = None
    model: str | None = None
    cache: bytes = field(default=b"", init=False)
    facts: dict[str, Any] = field(default_factory=dict, init=False)
    _feed: Feed = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses what would come to light after a build of minutes only."""
        if self.algorithm not in ALGORITHMS:
            raise refused("Calibrated", "algorithm", self.algorithm, f"one of {', '.join(ALGORITHMS)}")
        if not hasattr(self.source, "preprocessing"):
            wanted = "a BatchSource; quantkit.tensorrt_calibrator(model, data) takes other data"
            raise refused("Calibrated", "source", self.source, wanted)

    @contextmanager
    def within(
        self, builder: Any, network: Any, config: Any, *, shapes: Mapping[str, Sequence[int]] | None = None
    ) -> Iterator[Calibrated]:
        """Calibrates what the block builds: for build scripts of one's own.

        `config` is given the calibrator, `BuilderFlag.INT8` and, where sizes are free, a calibration profile; it is
        good for this block only. Batches are put into the CUDA context that is current when TensorRT asks for them. It
        may be any that PyCUDA made, such as that of ``pycuda.autoinit``; one made otherwise has to be the primary one
        of its GPU, as the CUDA runtime's and PyTorch's is.

            with scales.within(builder, network, config, shapes={"x": (32, 3, 224, 224)}):
                plan = builder.build_serialized_network(network, config)

        Args:
            builder: the script's ``tensorrt.Builder``.
            network: what it is to build, without Q/DQ nodes.
            config: how; other flags and profiles are the script's own.
            shapes: input → shape of one calibration batch, for inputs with free dimensions; by default a free batch
                is 32. The source's batches may be of any size.

        Raises:
            SetupError: this version of TensorRT has no calibrators, or the GPU failed.
            DataError: as for `finish`.
            UsageError: `shapes` does not fit the network, or the block made no calibration cache.
            BaseException: whatever else the source raised, as it raised it, even if the block failed in turn.
        """
        self.attach(made_elsewhere(builder, network, shapes or {}), config)
        config.set_flag(known("BuilderFlag.INT8"))
        try:
            yield self
        finally:
            # What the source raised, and TensorRT kept to itself, explains a block that ends in an error.
            self._settle()
        if not self._feed.written:
            raise UsageError(
                "QK1067",
                "TensorRT did not calibrate within the block",
                cause="no engine was built there with this config, or its build failed",
                hints=["look at what TensorRT logged", "call build_serialized_network(network, config) in the block"],
            )
        self._take_over()

    @property
    def failure(self) -> Kept:
        """What the source raised while TensorRT was asking."""
        return self._feed.failure

    def attach(self, parsed: Parsed, config: Any) -> None:
        """Gives `config` a calibrator.

        Raises:
            SetupError: this version of TensorRT has none.
        """
        require_calibrators("calibrators")
        # A build that fails must not leave what an earlier one found.
        self.cache, self.facts = b"", {}
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
        self._settle()
        if self._feed.written:
            self._take_over()

    def save(self, path: str | Path) -> Artifact:
        """Writes the cache, and beside it, if `model` is known, the record that ``quantkit build --calib`` asks for.

        Raises:
            UsageError: there is no cache so far.
            SetupError: a file cannot be written.
        """
        if not self.cache:
            raise UsageError(
                "QK1068",
                "there is no calibration cache to save",
                cause="no engine was built with this calibrator, or the last build failed",
                hints=["build first: with scales.within(builder, network, config): …"],
            )
        origin = None if self.model is None else self._origin(self.model)
        return trt_cache_file.save(cache_from(self.cache), Path(path), origin)

    def _origin(self, model: str) -> trt_cache_file.Origin:
        record = self.source.preprocessing
        provenance = Provenance(
            model=model,
            samples=self.facts["samples"],
            samples_digest=self.facts["samples_digest"],
            preprocessing=json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
            environment={"tensorrt": trt.__version__, "device": self._feed.gpu},
            synthetic=record.get("synthetic") is True,
            sample_hashes=SampleHashes.of(sample.digest for sample in self._feed.samples),
        )
        return trt_cache_file.Origin(f"tensorrt {self.algorithm}", provenance, trt.__version__)

    def _settle(self) -> None:
        try:
            self._feed.failure.release()
            self._feed.refuse_too_few(self.source.size)
        finally:
            self._feed.free()

    def _take_over(self) -> None:
        self.cache, self.facts = self._feed.written, {**self._described(), **self._feed.facts()}

    def _described(self) -> dict[str, Any]:
        chosen = {"algorithm": self.algorithm, "tensorrt": trt.__version__, "gpu": self._feed.gpu}
        if self.algorithm == "percentile":
            chosen |= {"quantile": self.quantile, "regression_cutoff": self.regression_cutoff}
        return {**chosen, "preprocessing": dict(self.source.preprocessing)}


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
