"""TensorRT: engines on NVIDIA GPUs, through calibrators or dynamic ranges up to version 10 and Q/DQ nodes in any.

What reads files and text works without a GPU; `tensorrt` and `pycuda` are imported when the plug-in is asked for.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """The plug-in, which needs the packages."""
    if name != "plugin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from quantkit.backends.tensorrt.backend import plugin

    return plugin
