"""TensorRT and PyCUDA without a GPU: device memory is host memory, and engines run on ONNX Runtime.

They do what the real ones were seen to do where that matters to error handling: bindings that swallow what a callback
raises, factories that return nothing, a cache that is ignored unless its first line fits.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from tests.unit.backends.tensorrt.fakes import cuda, trt

PACKAGE = "quantkit.backends.tensorrt"

# What others are told by; it imports neither, and one class has to be one class whoever imported it first.
SHARED = f"{PACKAGE}.options"


@contextmanager
def installed() -> Iterator[None]:
    """Puts both in place of the real packages, for modules that are imported within the block only.

    No engine is built so far, and no device memory is taken.
    """
    trt.built.clear()
    cuda.allocated.clear()
    pycuda = ModuleType("pycuda")
    pycuda.driver = cuda  # type: ignore[attr-defined]
    stand_ins: dict[str, ModuleType] = {"tensorrt": trt, "pycuda": pycuda, "pycuda.driver": cuda}
    importlib.import_module(SHARED)
    ours = _ours()
    before = {name: sys.modules.pop(name) for name in [*stand_ins, *ours] if name in sys.modules}
    sys.modules |= stand_ins
    try:
        importlib.import_module(PACKAGE)
        yield
    finally:
        for name in _ours():
            del sys.modules[name]
        for name in stand_ins:
            del sys.modules[name]
        sys.modules |= before


def tell_of_builds() -> None:
    """From here on every build within `installed` says once that it is one, which real ones do after a second."""
    backend: Any = importlib.import_module(f"{PACKAGE}.backend")
    build: Callable[..., bytes] = backend.plan_of

    def told(*args: Any, progress: Callable[[str], None] | None = None, **options: Any) -> bytes:
        if progress is not None:
            progress("building")
        return build(*args, progress=progress, **options)

    backend.plan_of = told


def _ours() -> list[str]:
    return [name for name in sys.modules if name.startswith(PACKAGE) and name != SHARED]


@contextmanager
def quickly_timed() -> Iterator[None]:
    """The same, with latencies from six rounds."""
    with installed(), pytest.MonkeyPatch.context() as patch:
        from quantkit.backends.tensorrt import backend, timing

        patch.setattr(backend, "GpuStopwatch", partial(timing.GpuStopwatch, warmup=1, rounds=6))
        yield
