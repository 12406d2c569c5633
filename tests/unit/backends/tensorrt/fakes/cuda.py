"""PyCUDA's driver interface over host memory."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from quantkit.core.arrays import Array
from tests.unit.backends.tensorrt.fakes.kernels import Module

BYTES_PER_MS = 1e6
"""How fast the imaginary bus is."""

PRESENT = True
"""Whether there is a GPU."""

stack: list[Context] = []
"""Contexts that were pushed and not popped."""

elsewhere: list[Context] = []
"""Contexts that something else than PyCUDA made current: CUDA works in the last one where `stack` is empty."""

allocated: dict[int, Any] = {}
"""Address → block, of all device memory that was not freed."""


class Error(Exception):
    """What the driver raises."""


class MemoryError(Error):
    """No memory left."""


class Context:
    def __init__(self, device: Device, *, primary: bool = True) -> None:
        self.device, self.primary = device, primary

    def __repr__(self) -> str:
        return f"Context({self.device.ordinal}, primary={self.primary})"

    def push(self) -> None:
        stack.append(self)

    @staticmethod
    def pop() -> None:
        stack.pop()

    def detach(self) -> None:
        pass

    @staticmethod
    def get_current() -> Context | None:
        """As PyCUDA: of those that it pushed itself."""
        return stack[-1] if stack else None

    @staticmethod
    def get_device() -> Device:
        """As the driver: of whatever is current."""
        if not (stack or elsewhere):
            raise Error("cuCtxGetDevice failed: invalid device context")
        return (stack or elsewhere)[-1].device

    @staticmethod
    def synchronize() -> None:
        pass


class Device:
    def __init__(self, ordinal: int) -> None:
        self.ordinal = ordinal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.ordinal == self.ordinal

    def __hash__(self) -> int:
        return self.ordinal

    def name(self) -> str:
        return "Imaginary GPU" if self.ordinal == 0 else f"Imaginary GPU {self.ordinal}"

    def compute_capability(self) -> tuple[int, int]:
        return 9, 0

    def retain_primary_context(self) -> Context:
        return Context(self)


class Stream:
    handle = 7

    def synchronize(self) -> None:
        pass


class Event:
    now = 0.0

    def __init__(self) -> None:
        self.at = 0.0

    def record(self, stream: Stream) -> None:
        Event.now += 1.0
        self.at = Event.now

    def synchronize(self) -> None:
        pass

    def time_since(self, earlier: Event) -> float:
        return self.at - earlier.at


class DeviceAllocation:
    def __init__(self, size: int) -> None:
        # 256 as CUDA's own: the kernels load several values at once.
        self._space = ctypes.create_string_buffer(size + 256)
        self._address = -(-ctypes.addressof(self._space) // 256) * 256
        self.context = stack[-1]
        allocated[self._address] = self

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        """As PyCUDA: in the context that it was taken in, whichever is current."""
        del allocated[self._address]


def init() -> None:
    if not PRESENT:
        raise Error("cuInit failed: no CUDA-capable device is detected")


def get_driver_version() -> int:
    return 13000


def mem_alloc(size: int) -> DeviceAllocation:
    assert stack, "no context is current"
    assert size > 0
    return DeviceAllocation(size)


def pagelocked_empty(shape: tuple[int, ...], dtype: Any) -> Array:
    assert stack, "no context is current"
    return np.empty(shape, dtype)


def memcpy_htod(address: int, values: Array) -> None:
    assert stack, "no context is current"
    ctypes.memmove(address, values.ctypes.data, values.nbytes)


def memcpy_htod_async(address: int, values: Array, stream: Stream) -> None:
    memcpy_htod(address, values)


def memcpy_dtoh(values: Array, address: int) -> None:
    assert stack, "no context is current"
    ctypes.memmove(values.ctypes.data, address, values.nbytes)


def memcpy_dtoh_async(values: Array, address: int, stream: Stream) -> None:
    Event.now += values.nbytes / BYTES_PER_MS
    memcpy_dtoh(values, address)


def module_from_buffer(assembly: bytes) -> Module:
    assert assembly.endswith(b"\0")
    return Module()


def memset_d8_async(address: int, value: int, size: int, stream: Stream) -> None:
    ctypes.memset(address, value, size)
