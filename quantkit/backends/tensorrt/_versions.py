"""Which roads to INT8 this version of TensorRT has: found by asking for its names, never by counting bits.

Implicit (8.5 to 10): calibrators or dynamic ranges, and flags that allow precisions. Explicit (8.5 to 11): Q/DQ nodes
in the model. In version 11 types come from the model alone, and the names of the implicit road are gone.
"""

from __future__ import annotations

from typing import Any

import tensorrt as trt

from quantkit.core.errors import SetupError


def known(name: str) -> Any:
    """What TensorRT calls `name`, such as ``"BuilderFlag.INT8"``; ``None`` where this version has no such thing."""
    found: Any = trt
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def has_calibrators() -> bool:
    """Whether the implicit road is open."""
    return known("IInt8Calibrator") is not None


def precision_by_flags() -> bool:
    """Whether flags may allow FP16 and INT8; otherwise the model alone says what has which type."""
    return known("BuilderFlag.INT8") is not None


def types_from_model(*, strongly_typed: bool) -> bool:
    """Whether a network takes every type from the model, so that FP16 has to be in the model."""
    return strongly_typed or not precision_by_flags()


def network_flags(*, strongly_typed: bool) -> int:
    """The bits that a network has to be created with.

    Raises:
        SetupError: this version has no strongly typed networks.
    """
    explicit = known("NetworkDefinitionCreationFlag.EXPLICIT_BATCH")
    typed = known("NetworkDefinitionCreationFlag.STRONGLY_TYPED")
    flags = 0
    # A builder that knows a largest batch can also make networks without a batch axis, and does unless told.
    if explicit is not None and known("Builder.max_batch_size") is not None:
        flags |= 1 << int(explicit)
    if strongly_typed and typed is None:
        raise SetupError(
            "QK4028",
            f"TensorRT {trt.__version__} has no strongly typed networks",
            hints=["leave --strongly-typed out: flags allow the types of the Q/DQ model"],
        )
    # Version 11 knows the flag and ignores it: there is no other kind.
    if strongly_typed and precision_by_flags():
        flags |= 1 << int(typed)
    return flags


def require_calibrators(what: str) -> None:
    """For callers on the implicit road.

    Raises:
        SetupError: this version has only the explicit one; says how to take it.
    """
    if has_calibrators():
        return
    raise SetupError(
        "QK4025",
        f"TensorRT {trt.__version__} has no {what}",
        cause="version 11 took INT8 calibration out of TensorRT; scales come from Q/DQ nodes in the model",
        hints=[
            "quantkit calibrate MODEL --data DATA --target tensorrt writes such a model; build that one",
            "quantkit cache convert CACHE MODEL.int8.onnx --model MODEL --trust-cache makes one of an old cache",
            'pip install "tensorrt<11" keeps calibrators',
        ],
    )
