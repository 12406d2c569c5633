"""The promises that the house makes about itself."""

from __future__ import annotations

import ast
import graphlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import quantkit

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(info.name for info in pkgutil.walk_packages(quantkit.__path__, "quantkit."))
SOURCES = sorted((ROOT / "quantkit").rglob("*.py"))
OPTIONAL = ("onnxruntime", "tensorrt", "pycuda", "torch", "plotly", "pycocotools", "skimage")
MOST_LINES = 300

WITHOUT_OPTIONAL = """
import importlib, importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {optional}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
for name in {modules}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name.partition(".")[0] not in {optional} or not name.startswith("quantkit.backends."):
            raise
"""


def test_every_module_outside_the_backends_imports_without_optional_packages() -> None:
    doors = {"quantkit.__main__", "quantkit.calibrate"}
    code = WITHOUT_OPTIONAL.format(optional=OPTIONAL, modules=[name for name in MODULES if name not in doors])
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_import_quantkit_loads_nothing_heavy() -> None:
    code = "import quantkit, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "onnx", "scipy", "PIL", "rich", *OPTIONAL} & set(loaded)


def test_public_names_are_pinned_and_there() -> None:
    assert all(getattr(quantkit, name) is not None for name in quantkit.__all__)
    assert sorted(quantkit.__all__) == dir(quantkit)
    # A function of this name would hide the module that `python -m quantkit.calibrate` runs.
    assert "calibrate" not in quantkit.__all__


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_longer_than_a_reader_bears(source: Path) -> None:
    assert len(source.read_text().splitlines()) <= MOST_LINES


def test_no_modules_import_each_other_in_a_circle() -> None:
    # Also those within functions, and for types alone: a reader has to go round them all the same.
    graph = grimp.build_graph("quantkit", exclude_type_checking_imports=False, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()


def test_every_error_code_is_documented_and_every_documented_code_is_used() -> None:
    documented = set(re.findall(r"^### (QK\d{4})$", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE))
    assert _codes_in_use() == documented


def test_only_the_command_line_prints() -> None:
    printing = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not [path for path in printing if not path.startswith("quantkit/cli/")]


def _codes_in_use() -> set[str]:
    """Codes that stand as string literals in the package."""
    return {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"QK\d{4}", node.value)
    }
