"""Plug-ins are found by name, and a package that is missing or broken comes with its remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from quantkit.core import plugins
from quantkit.core.errors import SetupError, UsageError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package called ``extensions``."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "extensions", raising=False)
    folder = tmp_path / "extensions"
    folder.mkdir()
    (folder / "__init__.py").touch()
    return folder


def test_a_module_is_a_plug_in_unless_its_name_says_otherwise(package: Path) -> None:
    (package / "two_words.py").write_text("plugin = 'it'\n")
    (package / "_helper.py").touch()
    assert plugins.names("extensions") == ["two-words"]
    assert plugins.load("extensions", "two-words") == "it"


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"QK1001.*'entrpy'(.|\n)*did you mean 'entropy'"):
        plugins.load("quantkit.calibrators", "entrpy")


@pytest.mark.parametrize("lazy", [False, True])
def test_a_missing_package_comes_with_the_install_command(package: Path, lazy: bool) -> None:
    importing = "raise ModuleNotFoundError('gone', name='pycuda.driver')"
    body = f"def __getattr__(name):\n    {importing}\n" if lazy else f"{importing}\n"
    (package / f"needy{lazy}.py").write_text(body)
    with pytest.raises(SetupError, match=r"QK4001.*'pycuda'(.|\n)*quantkit-ptq\[tensorrt\]"):
        plugins.load("extensions", f"needy{lazy}")


def test_all_that_an_extra_lacks_is_named_at_once(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "needy.py").write_text("raise ModuleNotFoundError('gone', name='pycuda')\n")
    monkeypatch.setattr(plugins, "EXTRAS", {"no_such_runtime": "gpu", "sys": "gpu", "torch": "other", "pycuda": "gpu"})
    with pytest.raises(SetupError, match=r"the packages 'no_such_runtime' and 'pycuda' are not installed") as refusal:
        plugins.load("extensions", "needy")
    assert refusal.value.hints[0] == 'pip install "quantkit-ptq[gpu]"'
    assert "with a C++ compiler and the CUDA toolkit" in refusal.value.hints[1]


def test_a_package_that_does_not_load_is_told_from_a_missing_one(package: Path) -> None:
    """As Python tells it of a compiled module: the last part of its name, and its file."""
    place = "/site-packages/pycuda/_driver.cpython-310-x86_64-linux-gnu.so"
    (package / "broken.py").write_text(
        f"raise ImportError('libcuda.so.1: cannot open shared object file', name='_driver', path={place!r})\n"
    )
    with pytest.raises(SetupError, match=r"QK4002.*'pycuda' is installed but does not load(.|\n)*libcuda\.so\.1"):
        plugins.load("extensions", "broken")


def test_any_other_failing_import_stays_what_it_is(package: Path) -> None:
    (package / "wrong.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        plugins.load("extensions", "wrong")
