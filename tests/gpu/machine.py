"""Whether this machine can run TensorRT."""

from __future__ import annotations

import warnings
from functools import lru_cache


@lru_cache(maxsize=1)
def obstacle() -> str | None:
    """Why it cannot; ``None`` if it can."""
    try:
        with warnings.catch_warnings():
            # PyCUDA warns where there is no driver, and then fails to load anyway.
            warnings.simplefilter("ignore")
            import pycuda.driver as cuda
            import tensorrt  # noqa: F401
    except ImportError as missing:
        return f"TensorRT cannot be used here: {missing}"
    try:
        cuda.init()
        cuda.Device(0)
    except cuda.Error as failure:
        return f"there is no NVIDIA GPU here: {failure}"
    return None
