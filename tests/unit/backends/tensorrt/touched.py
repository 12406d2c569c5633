"""Every name of TensorRT that the package touches, read from its source; shared by tests with and without a GPU."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[4] / "quantkit" / "backends" / "tensorrt"

# Modules and names that only the implicit road leads to: they need not be in version 11.
IMPLICIT = {"calibrators.py", "injection.py"}
IMPLICIT_NAMES = {"IBuilderConfig.int8_calibrator"}

# What the variables and attributes of a module hold; anything of TensorRT's that they are asked for is looked up.
OBJECTS: dict[str, dict[str, str]] = {
    "_log.py": {},
    "_progress.py": {"config": "IBuilderConfig"},
    "_versions.py": {},
    "backend.py": {},
    "build.py": {"builder": "Builder", "config": "IBuilderConfig", "cache": "ITimingCache"},
    "calibrators.py": {"config": "IBuilderConfig", "network": "INetworkDefinition", "tensor": "ITensor"},
    "injection.py": {"network": "INetworkDefinition", "layer": "ILayer", "tensor": "ITensor"},
    "network.py": {
        "builder": "Builder",
        "config": "IBuilderConfig",
        "network": "INetworkDefinition",
        "parser": "OnnxParser",
        "profile": "IOptimizationProfile",
        "tensor": "ITensor",
        "error": "ParserError",
    },
    "profiling.py": {"context": "IExecutionContext"},
    "runtime.py": {
        "_runtime": "Runtime",
        "engine": "ICudaEngine",
        "_engine": "ICudaEngine",
        "context": "IExecutionContext",
        "inspector": "EngineInspector",
    },
}

# Asked for only where it is there: a name in quotes, such as "BuilderFlag.INT8".
_QUOTED = re.compile(r"(?:I[A-Z]\w+|[A-Z]\w+\.\w+)")
_GUARDED = {"Builder.max_batch_size", "ParserError.node_name", "IBuilderConfig.set_calibration_profile"}


def modules() -> list[Path]:
    """The modules of the package that import TensorRT."""
    return [path for path in sorted(PACKAGE.glob("*.py")) if "import tensorrt as trt" in path.read_text()]


def used(road: str) -> set[str]:
    """Names that have to exist: on the ``"explicit"`` road, or in the modules of the ``"implicit"`` one."""
    chosen = [path for path in modules() if (path.name in IMPLICIT) == (road == "implicit")]
    named = {name for path in chosen for name in _used(path)} - quoted()
    return named | IMPLICIT_NAMES if road == "implicit" else named - IMPLICIT_NAMES


def quoted() -> set[str]:
    """Names that are looked up before they are used."""
    found = set(_GUARDED)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _QUOTED.fullmatch(node.value):
                found.add(node.value)
    return found


def _used(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            yield from _of_module(node)
        if isinstance(node, ast.Attribute):
            yield from _of_object(node, OBJECTS[path.name])


def _of_module(node: ast.Attribute) -> Iterator[str]:
    """``trt.A.B`` as ``A.B``."""
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name) and inner.id == "trt":
        yield ".".join(reversed(parts))


def _of_object(node: ast.Attribute, objects: dict[str, str]) -> Iterator[str]:
    """``builder.create_network`` as ``Builder.create_network``, whether the builder is a variable or an attribute."""
    holder = node.value
    name = holder.id if isinstance(holder, ast.Name) else holder.attr if isinstance(holder, ast.Attribute) else ""
    if name in objects:
        yield f"{objects[name]}.{node.attr}"
