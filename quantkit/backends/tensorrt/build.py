"""From a network to a plan, which is what TensorRT calls an engine that is not running."""

from __future__ import annotations

import ctypes
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import tensorrt as trt
from onnx import ModelProto

from quantkit.backends.tensorrt._cuda import gpu
from quantkit.backends.tensorrt._log import Heard, Kept, heard
from quantkit.backends.tensorrt._progress import BuildProgress, watched
from quantkit.backends.tensorrt._versions import known, types_from_model
from quantkit.backends.tensorrt.network import Parsed, parsed, typed
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.core.artifact import SerializedModel
from quantkit.core.errors import ModelError, SetupError, UsageError
from quantkit.core.files import readable, writable, write_whole
from quantkit.core.plugins import did_you_mean
from quantkit.graph.halves import has_halves
from quantkit.graph.loading.operators import quantized_operators
from quantkit.graph.loading.reading import parsed as proto_of

logger = logging.getLogger(__name__)

# A tactic source's libraries, any of which serves; TensorRT 8 asks for those of its own CUDA release.
_LIBRARIES = {
    "TacticSource.CUBLAS": ("libcublas.so.11", "libcublas.so.12"),
    "TacticSource.CUBLAS_LT": ("libcublasLt.so.11", "libcublasLt.so.12"),
    "TacticSource.CUDNN": ("libcudnn.so.8",),
}


class Int8Scales(Protocol):
    """Where an engine on the implicit road gets its scales from."""

    @property
    def failure(self) -> Kept:
        """What went wrong while TensorRT was asking, kept until it is done; from then on a build is in vain."""

    def attach(self, parsed: Parsed, config: Any) -> None:
        """Makes the scales known, or prepares TensorRT to ask for them."""

    def finish(self) -> None:
        """After the build: raises what went wrong while TensorRT was asking."""


def plan_of(
    model: SerializedModel,
    options: BuildOptions,
    *,
    scales: Int8Scales | None = None,
    progress: BuildProgress | None = None,
) -> bytes:
    """Builds `model`; a plan can be kept in a file and made an engine of.

    Args:
        model: an ONNX model, with Q/DQ nodes or without.
        options: how.
        scales: what makes a plain model an int8 engine (TensorRT up to 10).
        progress: told what the build is doing.

    Raises:
        SetupError: no GPU, too little memory, or the precision cannot be had in this version.
        ModelError: TensorRT cannot read or build the model.
        UsageError: an input with free dimensions and no profile for them.
    """
    with gpu().current(), heard() as told:
        proto = proto_of(model.proto)
        precision = _precision(proto, options, scales)
        read = parsed(typed(model, proto, options, precision), options, told)
        config = _configured(read, options, precision)
        if scales is not None:
            scales.attach(read, config)
        title = f"building the {precision} engine"
        with (
            _timed_by(config, options.timing_cache),
            watched(config, title, progress, told.interrupted, scales.failure if scales else None),
        ):
            memory = read.builder.build_serialized_network(read.network, config)
        # First what the user did or gave, then what TensorRT made of it.
        told.interrupted.release()
        if scales is not None:
            scales.finish()
        if memory is None:
            raise _failed(precision, told)
        return bytes(memory)


def _precision(proto: ModelProto, options: BuildOptions, scales: Int8Scales | None) -> str:
    """The precision asked for, or the one that scales are there for; raises where the two do not go together."""
    has_pairs = bool(quantized_operators(proto))
    _refuse_ignored_scales(options.precision, scales, has_pairs=has_pairs)
    has_scales = has_pairs or scales is not None
    precision = options.precision if options.precision != "auto" else _own_precision(proto, has_scales=has_scales)
    if precision == "int8" and not has_scales:
        raise ModelError(
            "QK3045",
            "a model without Q/DQ nodes has no int8 scales",
            cause="TensorRT would build it in another precision without saying so",
            hints=["give it scales: calibrate, or quantize with --target tensorrt first"],
        )
    return precision


def _own_precision(proto: ModelProto, *, has_scales: bool) -> str:
    if has_scales:
        return "int8"
    return "fp16" if has_halves(proto) else "fp32"


def _refuse_ignored_scales(precision: str, scales: Int8Scales | None, *, has_pairs: bool) -> None:
    """TensorRT would use none of these scales, and would not say so."""
    if has_pairs and scales is not None:
        raise UsageError(
            "QK1065",
            "the model has Q/DQ nodes, so other scales would be ignored",
            hints=["give the FP32 model, or leave the scales out"],
        )
    if precision in ("fp32", "fp16") and (has_pairs or scales is not None):
        raise UsageError(
            "QK1065",
            f"an {precision} engine would ignore the {'Q/DQ nodes' if has_pairs else 'scales'}",
            hints=["--precision int8, or leave it out"],
        )


def _configured(read: Parsed, options: BuildOptions, precision: str) -> Any:
    config = read.builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.__members__[options.profiling_verbosity.upper()]
    config.avg_timing_iterations = options.timing_runs
    if options.threads is not None:
        read.builder.max_threads = options.threads
    if options.workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    if read.is_dynamic:
        config.add_optimization_profile(read.optimization_profile())
    _allow_precision(config, options, precision)
    _use_dla(read, config, options, precision)
    config.set_tactic_sources(_tactic_sources(config, options.tactic_sources))
    return config


def _allow_precision(config: Any, options: BuildOptions, precision: str) -> None:
    if precision == "fp32":
        # TF32 is on unless told otherwise, and rounds to 10 bits: no reference for anything.
        config.clear_flag(trt.BuilderFlag.TF32)
    if types_from_model(strongly_typed=options.strongly_typed):
        return
    if precision == "int8":
        config.set_flag(known("BuilderFlag.INT8"))
    if precision == "fp16" or (precision == "int8" and options.rest == "fp16"):
        config.set_flag(known("BuilderFlag.FP16"))


def _use_dla(read: Parsed, config: Any, options: BuildOptions, precision: str) -> None:
    if options.dla_core is None:
        return
    cores = read.builder.num_DLA_cores
    if options.dla_core >= cores:
        raise SetupError(
            "QK4024",
            f"there is no DLA core {options.dla_core} here: the device has {cores}",
            hints=["leave --dla-core out to build for the GPU"],
        )
    if precision == "fp32":
        raise UsageError(
            "QK1066",
            "a DLA computes in fp16 and int8 only, and this engine is fp32: nothing of it would run there",
            hints=["--precision fp16", "leave --dla-core out to build for the GPU"],
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = options.dla_core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)


def _tactic_sources(config: Any, wanted: tuple[str, ...] | None) -> int:
    """The bits for what is wanted, or for what is on already and can be loaded."""
    if wanted is not None:
        return sum(1 << int(_tactic_source(name)) for name in wanted)
    sources: int = config.get_tactic_sources()
    for name, libraries in _LIBRARIES.items():
        source = known(name)
        if source is not None and not any(_loads(library) for library in libraries):
            sources &= ~(1 << int(source))
    return sources


def _tactic_source(name: str) -> Any:
    all_names = sorted(trt.TacticSource.__members__)
    if name not in all_names:
        raise UsageError(
            "QK1064",
            f"TensorRT {trt.__version__} has no tactic source {name!r}",
            hints=[*did_you_mean(name, all_names), f"there are: {', '.join(all_names)}"],
        )
    return trt.TacticSource.__members__[name]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@contextmanager
def _timed_by(config: Any, path: Path | None) -> Iterator[None]:
    """Reads measured kernel times from `path`, and writes them back with those of the build within the block."""
    if path is None:
        yield
        return
    before = _times(path)
    _refuse_unwritable(path)
    cache = config.create_timing_cache(before)
    if cache is None or not config.set_timing_cache(cache, False):
        logger.warning("%s holds the times of another GPU or TensorRT: starting anew", path)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    yield
    cache = config.get_timing_cache()
    now = _times(path)
    if now != before:
        # Another build was done meanwhile; its times are as good as these.
        added = config.create_timing_cache(now)
        if added is not None:
            cache.combine(added, False)
    write_whole(path, bytes(cache.serialize()))


def _times(path: Path) -> bytes:
    """What was kept by earlier builds, if any was."""
    with readable(path):
        return path.read_bytes() if path.exists() else b""


def _refuse_unwritable(path: Path) -> None:
    """A file that cannot be replaced had better be noticed before the build than after it."""
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()


def _failed(precision: str, told: Heard) -> ModelError:
    return ModelError(
        "QK3043",
        f"TensorRT could not build the {precision} engine",
        cause=told.cause or "it does not say why",
        hints=["more --workspace may help", "-vv shows everything that TensorRT says"],
    )
