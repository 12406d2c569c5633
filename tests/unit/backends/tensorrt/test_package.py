"""The package hands out its names, and says what to install where that is not there."""

from __future__ import annotations

import importlib
import sys

import pytest

from quantkit.core.errors import SetupError

NAMES = ("Calibrated", "FromCache", "FromRanges", "TensorRtBackend")


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name: str) -> None:
    package = importlib.import_module("quantkit.backends.tensorrt")
    assert sorted(package.__all__) == sorted(NAMES)
    assert getattr(package, name).__name__ == name


def test_without_tensorrt_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("quantkit.backends.tensorrt.")]:
        monkeypatch.delitem(sys.modules, module)
    for module in ("tensorrt", "pycuda"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SetupError, match=r'QK4001(.|\n)*pip install "quantkit-ptq\[tensorrt\]"'):
        from quantkit.backends.tensorrt import TensorRtBackend  # noqa: F401


def test_any_other_name_is_missing_in_the_usual_way() -> None:
    package = importlib.import_module("quantkit.backends.tensorrt")
    assert not hasattr(package, "TensorRTBackend")
