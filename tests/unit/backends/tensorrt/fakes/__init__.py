"""TensorRT and PyCUDA without a GPU: device memory is host memory, and engines run on ONNX Runtime.

They do what the real ones were seen to do where that matters to error handling: bindings that swallow what a callback
raises, factories that return nothing, a cache that is ignored unless its first line fits.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tests.unit.backends.tensorrt.fakes import cuda, trt

PACKAGE = "quantkit.backends.tensorrt"


@contextmanager
def installed() -> Iterator[None]:
    """Puts both in place of the real packages, for modules that are imported within the block only."""
    pycuda = ModuleType("pycuda")
    pycuda.driver = cuda  # type: ignore[attr-defined]
    stand_ins: dict[str, ModuleType] = {"tensorrt": trt, "pycuda": pycuda, "pycuda.driver": cuda}
    ours = [name for name in sys.modules if name.startswith(PACKAGE)]
    before = {name: sys.modules.pop(name) for name in [*stand_ins, *ours] if name in sys.modules}
    sys.modules |= stand_ins
    try:
        importlib.import_module(PACKAGE)
        yield
    finally:
        for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
            del sys.modules[name]
        for name in stand_ins:
            del sys.modules[name]
        sys.modules |= before
