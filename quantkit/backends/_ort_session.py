"""Sessions of ONNX Runtime, and its refusals in our words."""

from __future__ import annotations

import os
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
from quantkit.core.errors import DataError, ModelError, SetupError

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
    provider = PROVIDERS[device]
    if provider not in onnxruntime.get_available_providers():
        raise _device_missing(device)
    if model.folder is not None:
        # Whatever the locale makes of the name, ONNX Runtime takes it in UTF-8.
        folder = os.fsencode(model.folder).decode(errors="replace")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    try:
        built = onnxruntime.InferenceSession(model.proto, options, providers=[provider])
    except REFUSALS as refusal:
        raise _too_large(refusal) or ModelError(
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


def _too_large(refusal: Exception) -> ModelError | None:
    """What a refusal means that is for want of memory: usually a shape that someone made up."""
    if not any(sign in str(refusal) for sign in ("Failed to allocate memory", "bad_alloc", "bad allocation")):
        return None
    return ModelError(
        "QK3049",
        "the model asks for more memory than this process may take",
        cause=_first_line(refusal),
        hints=["use a smaller --batch-size", "--memory-limit raises the limit; a damaged model may ask for any amount"],
    )


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
            raise _too_large(refusal) or DataError(
                "QK2150",
                "ONNX Runtime could not run a batch",
                where=_shapes(batch),
                cause=_first_line(refusal),
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
