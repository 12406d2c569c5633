"""Says whether the other tests of this folder were run."""

from __future__ import annotations

import pytest

from tests.gpu.machine import obstacle

pytestmark = pytest.mark.gpu


def test_tensorrt_and_a_gpu_are_there() -> None:
    if reason := obstacle():
        pytest.skip(reason)
