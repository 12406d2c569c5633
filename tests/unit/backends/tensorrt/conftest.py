"""A TensorRT that runs anywhere, for tests of what quantkit does around it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.fakes import cuda, trt


@pytest.fixture
def stand_in() -> Iterator[SimpleNamespace]:
    """Within the test, TensorRT 8.5.3 and a GPU seem to be there; gives the stand-ins `cuda` and `trt`.

    Fails if a test leaves a context pushed.
    """
    with fakes.installed():
        yield SimpleNamespace(cuda=cuda, trt=trt)
    assert not cuda.stack
