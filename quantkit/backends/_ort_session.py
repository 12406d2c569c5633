"""Sessions of ONNX Runtime, and its refusals in our words."""

from __future__ import annotations

import math
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from quantkit.core.arrays import Array, Batch
from quantkit.core.artifact import SerializedModel
from quantkit.core.errors import DataError, ModelError, OutOfMemoryError, SetupError
from quantkit.core.files import readable

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

REFUSALS = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)


def session(
    model: SerializedModel, options: onnxruntime.SessionOptions, device: str = "cpu"
) -> onnxruntime.InferenceSession:
    """A session on exactly `device`; refusals become errors that say what ONNX Runtime said."""
    kind, _, number = device.partition(":")
    provider = PROVIDERS[kind]
    if provider not in onnxruntime.get_available_providers():
        raise _device_missing(device)
    if model.folder is not None:
        # Whatever the locale makes of the name, ONNX Runtime takes it in UTF-8.
        folder = os.fsencode(model.folder).decode(errors="replace")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    try:
        chosen = (provider, {"device_id": number}) if number else provider
        built = onnxruntime.InferenceSession(model.proto, options, providers=[chosen])
    except REFUSALS as refusal:
        if _is_short_of_memory(refusal):
            raise _too_large(refusal) from refusal
        raise ModelError(
            "QK3040",
            "ONNX Runtime refuses the model",
            cause=_first_line(refusal),
            hints=["quantkit inspect MODEL"],
        ) from refusal
    if provider not in built.get_providers():
        raise _device_missing(device)
    return built


def optimized(model: SerializedModel, options: onnxruntime.SessionOptions, *, with_weights: bool) -> onnx.ModelProto:
    """The graph as ONNX Runtime executes it; `options` are used up."""
    with tempfile.TemporaryDirectory(prefix="quantkit-") as folder:
        path = str(Path(folder) / "optimized.onnx")
        options.optimized_model_filepath = path
        if not with_weights:
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
        session(model, options)
        return onnx.load(path, load_external_data=with_weights)


def load_custom_ops(options: onnxruntime.SessionOptions, library: Path) -> None:
    """Makes the operators of `library` known to sessions with these options.

    Raises:
        ArtifactError: it is not there.
        SetupError: it is no library of operators for this version of ONNX Runtime.
    """
    hints = ["give the shared library that the operators' makers built for this version of ONNX Runtime"]
    with readable(library), library.open("rb"):
        pass
    try:
        options.register_custom_ops_library(str(library.resolve()))
    except REFUSALS as refusal:
        raise SetupError(
            "QK4011",
            f"ONNX Runtime cannot load the operators in {library.name}",
            where=str(library),
            cause=_first_line(refusal),
            hints=hints,
        ) from refusal


def _device_missing(device: str) -> SetupError:
    return SetupError(
        "QK4010",
        f"ONNX Runtime cannot use {device!r} here; nothing was run elsewhere instead",
        cause=f"its providers are {', '.join(onnxruntime.get_available_providers())}",
        hints=[
            'pip install "quantkit-ptq[cuda]" in an environment without the package onnxruntime; '
            "with both installed, one hides the other",
            "--device cpu",
        ],
    )


_SHORT_OF_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation", "the supported maximum of")
_REQUESTED = re.compile(r"requested buffer of size (\d{1,20})")


def _is_short_of_memory(refusal: Exception) -> bool:
    return any(sign in str(refusal) for sign in _SHORT_OF_MEMORY)


def _too_large(refusal: Exception) -> ModelError:
    """For want of memory that no other data would cure: usually a shape that someone made up."""
    return ModelError(
        "QK3049",
        "the model asks for more memory than there is: it exceeds --memory-limit",
        cause=_first_line(refusal),
        hints=[
            "use a smaller --batch-size",
            "--memory-limit GIB raises the limit; a damaged model may ask for any amount",
        ],
    )


def _out_of_memory(refusal: Exception, batch: Batch) -> ModelError | OutOfMemoryError:
    """A batch that fits no more, or a model whose single tensors do not fit."""
    samples = max((len(values) for values in batch.values() if values.ndim), default=1)
    requested = _REQUESTED.search(str(refusal))
    if samples == 1 or (requested and int(requested[1]) >= _memory_limit()):
        return _too_large(refusal)
    return OutOfMemoryError(
        "QK4151",
        f"not enough memory for a batch of {samples} samples",
        where=_shapes(batch),
        cause=_first_line(refusal),
        hints=[f"--batch-size {samples // 2}, or auto, which halves it by itself", "--memory-limit raises the limit"],
    )


def _memory_limit() -> float:
    """Bytes that the process may take, where a limit is set."""
    if sys.platform == "win32":
        return math.inf
    import resource

    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def _first_line(refusal: Exception) -> str:
    return str(refusal).partition("\n")[0]


class OrtEngine:
    """One session; `run` computes all outputs."""

    def __init__(self, built: onnxruntime.InferenceSession) -> None:
        self._session = built
        self._outputs = [output.name for output in built.get_outputs()]

    def run(self, batch: Batch) -> Batch:
        """Outputs by name; a batch that does not fit the model is refused with what ONNX Runtime said."""
        try:
            values = self._session.run(self._outputs, dict(batch))
        except REFUSALS as refusal:
            if _is_short_of_memory(refusal):
                raise _out_of_memory(refusal, batch) from refusal
            raise DataError(
                "QK2150",
                "ONNX Runtime could not run a batch",
                where=_shapes(batch),
                cause=_first_line(refusal),
                hints=["quantkit inspect MODEL shows which inputs it takes"],
            ) from refusal
        return dict(zip(self._outputs, values, strict=True))

    def __enter__(self) -> OrtEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held beyond the session itself."""

    def __repr__(self) -> str:
        return f"OrtEngine({', '.join(self._outputs[:3])}{', …' if len(self._outputs) > 3 else ''})"


def _shapes(batch: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {array.dtype}{list(np.shape(array))}" for name, array in batch.items())
