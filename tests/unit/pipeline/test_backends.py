"""A backend gets what it is asked for, or says that it has no use for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.core.errors import ArtifactError, SetupError, UsageError
from quantkit.pipeline.backends import backend
from tests.unit.backends.tensorrt import fakes


def test_what_is_not_asked_for_is_left_to_the_backend() -> None:
    assert backend("ort", threads=2).device == "cpu"
    assert backend("ort", threads=2, device="cuda:1").device == "cuda:1"


def test_a_backend_without_a_use_for_it_refuses() -> None:
    with fakes.installed(), pytest.raises(UsageError, match="custom_ops says nothing to the backend 'tensorrt'"):
        backend("tensorrt", threads=None, custom_ops=[Path("ops.so")])


def test_only_a_backend_that_builds_is_listened_to() -> None:
    told: list[str] = []
    assert backend("ort", threads=1, progress=told.append).device == "cpu"
    with fakes.installed():
        assert backend("tensorrt", threads=None, progress=told.append).progress == told.append


def test_a_library_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ops.so"
    ready = backend("ort", threads=1, custom_ops=[path])
    with pytest.raises(ArtifactError, match="cannot read"):
        ready.options()
    path.write_bytes(b"no library")
    with pytest.raises(SetupError, match=r"ONNX Runtime cannot load the operators in ops\.so"):
        ready.options()
