"""The compiled loops, or what to do where they are not there, as in a source folder that nothing was built in."""

from __future__ import annotations

from quantkit.core.errors import SetupError
from quantkit.core.plugins import DISTRIBUTION

try:
    from quantkit.core import _kernels as kernels
except ImportError as failure:
    raise SetupError(
        "QK4003",
        "the compiled loops of quantkit are not built for this Python",
        cause=str(failure),
        hints=[
            "in the source folder, with a C compiler: pip install --editable .",
            f"otherwise: pip install --force-reinstall {DISTRIBUTION}",
        ],
    ) from failure

__all__ = ["kernels"]
