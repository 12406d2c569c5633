"""The GPU: the context that TensorRT works in, and memory on both sides of the bus."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import pycuda.driver as cuda

from quantkit.core.arrays import Array
from quantkit.core.errors import OutOfMemoryError, SetupError


class Gpu:
    """A GPU, by its primary context, which TensorRT uses as well unless another one is current."""

    def __init__(self, device: Any) -> None:
        major, minor = device.compute_capability()
        self.name: str = device.name()
        self.compute_capability = f"{major}.{minor}"
        self._context = device.retain_primary_context()
        # PyCUDA aborts the process if it has to clean up a context itself after Python is gone.
        atexit.register(self._context.detach)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Makes this GPU the calling thread's own within the block.

        Raises:
            SetupError: its memory does not suffice, or it failed.
        """
        with _explained():
            self._context.push()
            try:
                yield
            finally:
                cuda.Context.pop()

    def __repr__(self) -> str:
        return f"Gpu({self.name}, compute capability {self.compute_capability})"


@lru_cache(maxsize=1)
def gpu() -> Gpu:
    """The first GPU that CUDA shows; ``CUDA_VISIBLE_DEVICES`` says which that is.

    Raises:
        SetupError: there is none, or no driver for it.
    """
    try:
        cuda.init()
        return _gpu(cuda.Device(0))
    except cuda.Error as failure:
        raise SetupError(
            "QK4020",
            "no NVIDIA GPU can be used here",
            cause=str(failure),
            hints=["nvidia-smi shows what the driver sees", "--backend ort runs on the processor"],
        ) from failure


# What is retained is released when Python ends, so each device is retained once.
_gpu = lru_cache(maxsize=None)(Gpu)


@contextmanager
def called_back() -> Iterator[str]:
    """For callbacks of TensorRT: makes PyCUDA take memory where TensorRT looks for it; gives the GPU's name.

    Memory belongs to a context, and TensorRT works in the one that is current when it is called, such as that of
    ``pycuda.autoinit``, which is not the primary one. PyCUDA knows only contexts that were made current through it.
    Any other is taken for the primary one of its GPU, which is what TensorRT itself, the CUDA runtime and PyTorch make
    current.

    Raises:
        SetupError: the GPU's memory does not suffice, or it failed.
    """
    with _explained():
        device = cuda.Context.get_device()
        name: str = device.name()
        if cuda.Context.get_current() is not None:
            yield name
        else:
            with _gpu(device).current():
                yield name


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except cuda.Error as failure:
        raise _refused(failure) from failure


def _refused(failure: Exception) -> SetupError:
    if isinstance(failure, cuda.MemoryError):
        return OutOfMemoryError(
            "QK4022",
            "not enough GPU memory",
            cause=str(failure),
            hints=["use a smaller --batch-size", "nvidia-smi shows who else uses it"],
        )
    return SetupError("QK4023", "the GPU failed", cause=str(failure), hints=["nvidia-smi; a restart may help"])


class DeviceMemory:
    """Memory on the GPU for one tensor; it grows and never shrinks."""

    def __init__(self) -> None:
        self._block: Any = None
        self._size = 0

    def fit(self, size: int) -> int:
        """Makes room for `size` bytes and returns their address, a multiple of 256. What was there is lost."""
        if size > self._size or self._block is None:
            self.free()
            # CUDA does not allocate nothing.
            self._block, self._size = cuda.mem_alloc(max(size, 1)), size
        return self.address

    @property
    def address(self) -> int:
        """Where it begins."""
        return int(self._block)

    def free(self) -> None:
        """Gives the memory back."""
        if self._block is not None:
            self._block.free()
        self._block, self._size = None, 0


class PinnedMemory:
    """Memory of the host that the GPU can reach while the processor goes on; it grows and never shrinks.

    It is given back when the last view of it is gone.
    """

    def __init__(self) -> None:
        self._block: Any = None

    def view(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """An array of that shape in this memory, which the next call may overwrite."""
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if self._block is None or size > self._block.nbytes:
            self._block = cuda.pagelocked_empty((max(size, 1),), np.uint8)
        whole: Array = self._block[:size].view(dtype).reshape(shape)
        return whole
