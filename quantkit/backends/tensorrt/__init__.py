"""TensorRT: engines on NVIDIA GPUs, through calibrators or dynamic ranges up to version 10 and Q/DQ nodes in any.

What reads files and text works without a GPU. `tensorrt` and `pycuda` are imported when one of the public names that
need them is asked for; where they are missing, that raises SetupError with the command that installs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantkit.core.plugins import optional

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.calibrators import Calibrated
    from quantkit.backends.tensorrt.injection import FromCache, FromRanges

__all__ = ["Calibrated", "FromCache", "FromRanges", "TensorRtBackend"]

# Name → the module here that has it.
_HOMES = {
    "Calibrated": "calibrators",
    "FromCache": "injection",
    "FromRanges": "injection",
    "TensorRtBackend": "backend",
    "plugin": "backend",
}


def __getattr__(name: str) -> Any:
    """Imports a name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(optional(f"{__name__}.{_HOMES[name]}"), name)
