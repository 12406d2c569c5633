"""Finding plug-ins by name: a plug-in is a module, and its name is what users type."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from quantkit.core.errors import SetupError, UsageError

DISTRIBUTION = "quantkit-ptq"

EXTRAS = {
    "onnxruntime": "cpu",
    "tensorrt": "tensorrt",
    "pycuda": "tensorrt",
    "torch": "torch",
    "onnxscript": "torch",
    "plotly": "report",
    "pycocotools": "detection",
    "skimage": "image-metrics",
}
"""Optional package → the extra that installs it."""

# Optional package → what installing it takes besides.
_NOTES = {"pycuda": "PyCUDA is compiled as it is installed, with a C++ compiler and the CUDA toolkit"}


def names(package: str) -> list[str]:
    """The plug-ins in `package`, sorted: every module and sub-package whose name has no leading underscore.

    >>> "entropy" in names("quantkit.calibrators")
    True
    """
    found = importlib.util.find_spec(package)
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    modules = {entry.stem for folder in folders for entry in folder.iterdir() if _is_module(entry)}
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def _is_module(entry: Path) -> bool:
    return entry.suffix == ".py" or (entry / "__init__.py").is_file()


def load(package: str, name: str) -> Any:
    """The object called ``plugin`` in the module `name` of `package`.

    Raises:
        UsageError: no such plug-in; the message lists those there are and the nearest one.
        SetupError: the plug-in needs a package that is not installed; the message holds the command that does.
    """
    known = names(package)
    if name not in known:
        raise UsageError(
            "QK1001",
            f"there is no {package.rpartition('.')[2].removesuffix('s')} called {name!r}",
            hints=[*did_you_mean(name, known), f"there are: {', '.join(known)}"],
        )
    with _explained():
        # Some plug-ins import what they need only when they are looked at, so that their other parts need nothing.
        return importlib.import_module(f"{package}.{name.replace('-', '_')}").plugin


def optional(module: str) -> ModuleType:
    """Imports `module`; a missing optional package becomes an error with the exact install command."""
    with _explained():
        return importlib.import_module(module)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what Python says about an optional package that cannot be imported into an error with the remedy."""
    try:
        yield
    except ImportError as failure:
        package = _optional_package(failure)
        if package is None:
            raise
        if isinstance(failure, ModuleNotFoundError):
            raise _not_installed(package) from failure
        raise SetupError(
            "QK4002",
            f"the package {package!r} is installed but does not load",
            cause=str(failure),
            hints=["what it names has to be installed too; libcuda comes with the NVIDIA driver"],
        ) from failure


def _not_installed(package: str) -> SetupError:
    """That `package` is missing, with what else its extra would install: who has to act should hear of it at once."""
    extra = EXTRAS[package]
    missing = [name for name, its in EXTRAS.items() if its == extra and (name == package or _is_absent(name))]
    named = " and ".join(map(repr, missing))
    title = f"the packages {named} are not installed" if len(missing) > 1 else f"the package {named} is not installed"
    notes = [_NOTES[name] for name in missing if name in _NOTES]
    return SetupError("QK4001", title, hints=[f'pip install "{DISTRIBUTION}[{extra}]"', *notes])


def _is_absent(package: str) -> bool:
    try:
        return package not in sys.modules and importlib.util.find_spec(package) is None
    except ModuleNotFoundError:
        return True


def _optional_package(failure: ImportError) -> str | None:
    """Which of `EXTRAS` failed; of a compiled module Python tells the file, and only the last part of the name."""
    places = [(failure.name or "").partition(".")[0]]
    if not isinstance(failure, ModuleNotFoundError):
        places += Path(failure.path or "").parts
    return next((place for place in places if place in EXTRAS), None)


def did_you_mean(word: str, known: list[str]) -> list[str]:
    """A hint with the nearest of `known`, or none.

    >>> did_you_mean("entrpoy", ["entropy", "max"])
    ["did you mean 'entropy'?"]
    """
    return [f"did you mean {near!r}?" for near in difflib.get_close_matches(word, known, n=1)]
