"""What is installed, what the processor and the GPU are, and what is wrong with that."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from quantkit._version import __version__
from quantkit.core import plugins
from quantkit.core.plugins import DISTRIBUTION, EXTRAS

_REQUIRED = ("numpy", "scipy", "onnx", "pillow", "safetensors", "rich")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `status` is ``"ok"``, ``"absent"`` (optional, not there) or ``"problem"``."""

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
        *(_optional(name, installed) for name in EXTRAS if name != "onnxruntime"),
        _gpu(),
    ]


def _required(name: str, installed: Installed) -> Finding:
    version = installed(name)
    if version is None:
        return Finding(name, "problem", "not installed", (f"pip install {name}",))
    return Finding(name, "ok", version)


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
    version = installed(name)
    if version is None:
        return Finding(name, "absent", "not installed", (f'pip install "{DISTRIBUTION}[{EXTRAS[name]}]"',))
    return Finding(name, "ok", version)


def _gpu() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("GPU", "absent", "none found")
    query = [program, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as reason:
        return Finding("GPU", "absent", f"nvidia-smi does not answer: {reason}")
    devices = [", ".join(part.strip() for part in line.split(",")) for line in answer.splitlines()]
    return Finding("GPU", "ok", "; ".join(devices) or "none found")
