"""Without the compiled loops one is told how to build them."""

from __future__ import annotations

import importlib
import sys

import pytest

from quantkit import core
from quantkit.core.errors import SetupError


def test_a_source_folder_in_which_nothing_was_built_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quantkit.core._kernels", None)
    monkeypatch.delattr(core, "_kernels")
    monkeypatch.delitem(sys.modules, "quantkit.core.compiled")
    with pytest.raises(SetupError, match=r"QK4003.*not built(.|\n)*pip install --editable \.") as refusal:
        importlib.import_module("quantkit.core.compiled")
    assert refusal.value.exit_code == 4
