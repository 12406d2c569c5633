"""The counting kernels of quantkit, their source compiled for this processor."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

NATIVE = Path(__file__).parents[5] / "quantkit" / "backends" / "tensorrt" / "native"
SHIM = Path(__file__).parents[1] / "cuda_on_cpu.h"


@lru_cache(maxsize=1)
def fold() -> Any:
    """``fold(chunks, number of chunks, tallies, number of tensors, alarms)``, all by address."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler to run the kernels' source with")
    library = Path(tempfile.mkdtemp(prefix="quantkit-kernels-")) / "counting.so"
    source = ["-x", "c++", f'-DCOUNTING_CU="{NATIVE / "counting.cu"}"', str(SHIM)]
    subprocess.run(
        [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-pthread", *source, "-o", str(library)], check=True
    )
    loaded = ctypes.CDLL(str(library))
    shutil.rmtree(library.parent)
    return loaded.fold


class Module:
    """What the driver makes of the kernels' assembly; the last of the three launches does the work of all."""

    def __init__(self) -> None:
        self._alarms = 0
        self._tensors = 0

    def get_function(self, name: str) -> Callable[..., None]:
        found: Callable[..., None] = getattr(self, f"_{name.removeprefix('quantkit_')}")
        return found

    def _scan(self, chunks: Any, tallies: Any, alarms: Any, *, grid: Any, block: Any, stream: Any) -> None:
        self._alarms = int(alarms)

    def _widen(self, tallies: Any, *, grid: Any, block: Any, stream: Any) -> None:
        self._tensors = grid[0]

    def _count(self, chunks: Any, tallies: Any, *, grid: Any, block: Any, stream: Any) -> None:
        addresses = [ctypes.c_void_p(int(address)) for address in (chunks, tallies, self._alarms)]
        fold()(addresses[0], grid[0], addresses[1], self._tensors, addresses[2])
