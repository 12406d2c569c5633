"""What is installed, what the processor and the GPU are, and what is wrong with that."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from quantkit._version import __version__
from quantkit.core import plugins
from quantkit.core.errors import SetupError
from quantkit.core.plugins import DISTRIBUTION, EXTRAS

_REQUIRED = ("numpy", "scipy", "onnx", "pillow", "safetensors", "rich")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")

# Module → the distribution that brings it, where the names differ.
_DISTRIBUTIONS = {"skimage": "scikit-image"}

# Package → the first release without the holes that are known, and such a hole.
_FLOORS = {
    "onnx": ("1.21.0", "CVE-2026-34445 and CVE-2026-27489: a model's external data reaches beyond its folder"),
    "pillow": ("10.3.0", "CVE-2024-28219: a buffer overflows"),
}

_NVIDIA = "nvidia-smi"

# Package → the module of it that needs the driver's or its own libraries.
_ON_GPU = {"tensorrt": "tensorrt", "pycuda": "pycuda.driver"}

# CUDA's major version → the oldest driver that runs it.
_DRIVERS = {11: 450, 12: 525, 13: 580}
_TENSORRTS = tuple(f"tensorrt{part}" for part in ("-cu11", "-cu12", "-cu13"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    `status` is ``"ok"``, ``"absent"`` (optional, not there), ``"outdated"`` (it works, and has a known hole) or
    ``"problem"``.
    """

    name: str
    status: str
    value: str
    remedies: tuple[str, ...] = ()


Installed = Callable[[str], "str | None"]
"""Distribution name → its version, or nothing."""


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def examined(installed: Installed = installed_version) -> list[Finding]:
    """Everything worth knowing, problems included."""
    return [
        Finding("quantkit", "ok", __version__),
        Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        *(_required(name, installed) for name in _REQUIRED),
        _kernels(),
        *_namesake(installed),
        *_runtime(installed),
        *(_optional(name, installed) for name in EXTRAS if name not in ("onnxruntime", *_ON_GPU)),
        *(_loaded(name, installed) for name in _ON_GPU),
        *_roads(),
        *_graphics(installed),
    ]


def _required(name: str, installed: Installed) -> Finding:
    version = installed(name)
    if version is None:
        return Finding(name, "problem", "not installed", (f"pip install {name}",))
    floor, hole = _FLOORS.get(name, ("0", ""))
    if _numbers(version) < _numbers(floor):
        return Finding(name, "outdated", f"{version}, which has {hole}", (f'pip install "{name}>={floor}"',))
    return Finding(name, "ok", version)


def _numbers(version: str) -> tuple[int, ...]:
    """A release as numbers that can be compared.

    >>> _numbers("1.21.0rc1") < _numbers("1.21.1")
    True
    """
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _kernels() -> Finding:
    if importlib.util.find_spec("quantkit.core._kernels"):
        return Finding("compiled kernels", "ok", "built")
    remedy = f"pip install --force-reinstall {DISTRIBUTION}, or in a checkout: python setup.py build_ext --inplace"
    return Finding("compiled kernels", "problem", "not built", (remedy,))


def _namesake(installed: Installed) -> list[Finding]:
    """The index has an unrelated package whose files land in the same folder."""
    version = installed("quantkit")
    if version is None:
        return []
    remedy = f"pip uninstall -y quantkit {DISTRIBUTION} && pip install {DISTRIBUTION}"
    return [Finding("name clash", "problem", f"the unrelated package quantkit {version} is installed", (remedy,))]


def _runtime(installed: Installed) -> list[Finding]:
    versions = {name: version for name in _RUNTIMES if (version := installed(name))}
    if not versions:
        return [Finding("onnxruntime", "problem", "not installed", (f'pip install "{DISTRIBUTION}[cpu]"',))]
    found = [Finding(name, "ok", version) for name, version in versions.items()]
    if len(versions) > 1:
        remedies = (f"pip uninstall -y {' '.join(_RUNTIMES)}", f'pip install "{DISTRIBUTION}[cuda]", or [cpu]')
        found.append(Finding("onnxruntime twice", "problem", "two packages overwrite each other's files", remedies))
    return found + _engine()


def _engine() -> list[Finding]:
    backend = plugins.optional("quantkit.backends.ort")
    environment = backend.plugin().environment()
    instructions = environment["isa"]
    exact = any(word.endswith(("vnni", "amx_int8", "i8mm")) for word in instructions.split())
    means = "8-bit products are exact" if exact else "ort-cpu models use 7-bit weights, or products could saturate"
    return [
        Finding("execution providers", "ok", ", ".join(backend.providers())),
        Finding("processor", "ok", f"{environment['machine']}, {environment['threads']} threads"),
        Finding("int8 instructions", "ok", f"{instructions}: {means}"),
    ]


def _optional(name: str, installed: Installed) -> Finding:
    version = installed(_DISTRIBUTIONS.get(name, name))
    if version is None and importlib.util.find_spec(name) is None:
        return Finding(name, "absent", "not installed", (f'pip install "{DISTRIBUTION}[{EXTRAS[name]}]"',))
    return Finding(name, "ok", version or "there, without a record of its version")


def _loaded(name: str, installed: Installed) -> Finding:
    """A package whose libraries may be missing although it is installed itself."""
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        return _optional(name, installed)
    try:
        module = plugins.optional(_ON_GPU[name])
    except (SetupError, OSError, RuntimeError) as reason:
        version = installed(name) or "there"
        cause = getattr(reason, "cause", None) or str(reason)
        remedies = getattr(reason, "hints", ())
        # Without a GPU nobody misses it.
        status = "problem" if shutil.which(_NVIDIA) else "absent"
        return Finding(name, status, f"{version}, does not load: {cause}", tuple(remedies))
    told = installed(name) or getattr(module, "__version__", "there, without a record of its version")
    return Finding(name, "ok", f"{told}, loads")


def _roads() -> list[Finding]:
    """Which ways to INT8 the TensorRT has that is installed; nothing where none loads."""
    try:
        versions = plugins.optional("quantkit.backends.tensorrt._versions")
    except (SetupError, OSError, RuntimeError):
        return []
    both = "Q/DQ models, and its own calibrators and their caches"
    return [Finding("INT8 of TensorRT", "ok", both if versions.has_calibrators() else "Q/DQ models only")]


def _graphics(installed: Installed) -> list[Finding]:
    """The GPU, and whether its driver is new enough for the TensorRT that is installed."""
    program = shutil.which(_NVIDIA)
    if program is None:
        return [Finding("GPU", "absent", "none found")]
    query = [program, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as reason:
        return [Finding("GPU", "absent", f"nvidia-smi does not answer: {reason}")]
    devices = [[part.strip() for part in line.split(",")] for line in answer.splitlines()]
    shown = "; ".join(", ".join(device) for device in devices)
    found = Finding("GPU", "ok", shown or "none found")
    drivers = [device[1] for device in devices if len(device) > 1]
    return [found, *_match(drivers[0], installed)] if drivers else [found]


def _match(driver: str, installed: Installed) -> list[Finding]:
    found = []
    for name in (name for name in _TENSORRTS if installed(name)):
        needed = _DRIVERS[int(name[-2:])]
        if _numbers(driver) < (needed,):
            remedies = (f"install a driver from {needed} on, or a TensorRT for an older CUDA",)
            found.append(Finding("driver", "problem", f"{driver} is too old for {name} {installed(name)}", remedies))
        else:
            found.append(Finding("driver", "ok", f"{driver} runs {name} {installed(name)}"))
    return found
