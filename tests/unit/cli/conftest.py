"""What every test of the command line needs."""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import quantkit
from tests.command_line import Ran, ran

Command = Callable[..., Ran]


@pytest.fixture
def command(own_folder: Path) -> Command:
    """Runs command lines in a folder of their own."""
    return ran


@pytest.fixture(scope="session")
def finished(job: list[str], digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a whole job, for tests that only read them."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    result = ran(*job, "--eval", digits / "eval", "--output", folder)
    assert result.exit_code == 0, result.notes
    return folder


@pytest.fixture(autouse=True)
def _findable_by_subprocesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from another folder, and also when the project is not installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(quantkit.__file__).parents[1]))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUANTKIT_DEBUG", "QUANTKIT_FORMAT", "NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def without_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the test, TensorRT and PyCUDA are not installed."""
    for name in [name for name in sys.modules if name.startswith("quantkit.backends.tensorrt.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("tensorrt", "pycuda"):
        monkeypatch.setattr(sys, "meta_path", [_Absent(), *sys.meta_path])
        monkeypatch.delitem(sys.modules, name, raising=False)


class _Absent(importlib.abc.MetaPathFinder):
    """Finds nothing where the packages would be."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in ("tensorrt", "pycuda"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
