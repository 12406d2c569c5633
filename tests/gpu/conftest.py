"""Real TensorRT on a real GPU; elsewhere one test says why nothing was run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.machine import obstacle

# They import TensorRT at their top, as the code that they test does.
collect_ignore_glob = ["test_trt_*.py"] if obstacle() else []


@pytest.fixture(scope="session")
def timing_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernel times that all builds share: the first build of a layer takes seconds, the next ones none.

    QUANTKIT_KERNEL_TIMES names a file of such times to begin with; it stays as it is.
    """
    path = tmp_path_factory.mktemp("timing") / "timing.cache"
    if before := os.environ.get("QUANTKIT_KERNEL_TIMES"):
        path.write_bytes(Path(before).read_bytes())
    return path


@pytest.fixture(scope="session")
def backend(timing_cache: Path) -> Callable[..., Any]:
    """Makes backends with the given build options; batches of up to 8."""
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.options import BuildOptions

    def make(**options: Any) -> TensorRtBackend:
        return TensorRtBackend(options=BuildOptions(**{"batch": 8, "timing_cache": timing_cache, **options}))

    return make
