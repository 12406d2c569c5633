"""What the processor can do with 8-bit integers."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path

_INTEGER_FLAGS = ("amx_int8", "avx512_vnni", "avx_vnni", "avx512f", "avx2", "asimddp", "i8mm", "asimd")
_EXACT_PRODUCTS = {"amx_int8", "avx512_vnni", "avx_vnni"}


@lru_cache(maxsize=1)
def instruction_sets(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """The instruction sets that matter to integer kernels, best first; empty where the system does not tell."""
    if not cpuinfo.is_file():
        return ()
    lines = cpuinfo.read_text(errors="replace").splitlines()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "").split()
    return tuple(flag for flag in _INTEGER_FLAGS if flag in flags)


def saturates_products() -> bool:
    """Whether 8-bit kernels add pairs of unsigned × signed products in 16 saturating bits.

    x86 without VNNI does (``vpmaddubsw``); weights then have to stay within 7 bits. An x86 machine that does not
    tell its flags counts as one that does.
    """
    is_x86 = platform.machine().lower() in {"x86_64", "amd64", "i686", "x86"}
    return is_x86 and not _EXACT_PRODUCTS & set(instruction_sets())


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def description() -> dict[str, str]:
    """The processor's architecture and integer instruction sets, for a record of the environment."""
    return {"machine": platform.machine(), "isa": " ".join(instruction_sets()) or "unknown"}
