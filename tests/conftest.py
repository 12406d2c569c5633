"""Fixtures that every kind of test shares."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make golden`` rewrites the expected files; the change is reviewed as a diff."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the files in tests/golden")


def pytest_collection_finish() -> None:
    """Forgets modules that pytest looked into for doctests but could not import, for want of an optional package.

    It leaves them half made in `sys.modules`, where the code under test would find them.
    """
    for name in [name for name in sys.modules if name.startswith("quantkit.backends.")]:
        parent, _, own = name.rpartition(".")
        module = sys.modules.pop(name)
        try:
            importlib.import_module(name)
        except ImportError:
            vars(sys.modules[parent]).pop(own, None)
        else:
            # Sound; whoever has it already and whoever imports it next are to see the same one.
            sys.modules[name] = module
            setattr(sys.modules[parent], own, module)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """Compares bytes with the expected file of that name in tests/golden, or rewrites it."""

    def check(name: str, content: bytes) -> None:
        expected = ROOT / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            expected.parent.mkdir(parents=True, exist_ok=True)
            expected.write_bytes(content)
        assert content == expected.read_bytes(), f"{expected} differs; if that is meant, run: make golden"

    return check


@pytest.fixture(scope="session")
def material() -> Path:
    """The folder of real models and images, or a skip that says so."""
    folder = Path(os.environ.get("QUANTKIT_MATERIAL", ROOT.parent / "shared" / "material"))
    if not folder.is_dir():
        pytest.skip(f"no real models: {folder} is not there (set QUANTKIT_MATERIAL)")
    return folder


@pytest.fixture(scope="session")
def digits() -> Path:
    """The small model and images that come with the project."""
    return ROOT / "calib_data" / "digits"


@pytest.fixture(scope="session")
def job(digits: Path) -> list[str]:
    """The words of a command line that calibrates the digits on 64 samples."""
    data, recipe = str(digits / "calib"), str(digits / "preprocess.toml")
    return ["calibrate", str(digits / "model.onnx"), "--data", data, "--preprocess", recipe, "--max-samples", "64"]


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
