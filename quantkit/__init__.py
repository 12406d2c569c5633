"""INT8 post-training quantization for TensorRT and ONNX Runtime, with an honest account of what it costs.

statistics = quantkit.collect(model, data)
calibration = quantkit.calibrate_ranges(statistics, "entropy")
int8 = quantkit.quantize(model, calibration, to="model.int8.onnx")
comparison = quantkit.compare(model, int8, held_out_data)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quantkit._version import __version__

if TYPE_CHECKING:
    from quantkit.core.artifact import Artifact
    from quantkit.core.calibration import Calibration
    from quantkit.core.comparison import Comparison
    from quantkit.core.errors import ExitCode, QuantkitError
    from quantkit.core.histogram import Histogram
    from quantkit.core.ranges import Range
    from quantkit.core.statistics import Statistics
    from quantkit.data.opening import open_source
    from quantkit.data.preprocessing import Preprocessing
    from quantkit.graph.exclusion import Exclusion
    from quantkit.graph.model import Model
    from quantkit.pipeline.collecting import Collecting, collect
    from quantkit.pipeline.comparing import Comparing, compare
    from quantkit.pipeline.models import from_torch, load_model
    from quantkit.pipeline.quantizing import quantize
    from quantkit.pipeline.ranges import calibrate_ranges

_HOMES = {
    "Artifact": "quantkit.core.artifact",
    "Calibration": "quantkit.core.calibration",
    "Collecting": "quantkit.pipeline.collecting",
    "Comparing": "quantkit.pipeline.comparing",
    "Comparison": "quantkit.core.comparison",
    "Exclusion": "quantkit.graph.exclusion",
    "ExitCode": "quantkit.core.errors",
    "Histogram": "quantkit.core.histogram",
    "Model": "quantkit.graph.model",
    "Preprocessing": "quantkit.data.preprocessing",
    "QuantkitError": "quantkit.core.errors",
    "Range": "quantkit.core.ranges",
    "Statistics": "quantkit.core.statistics",
    "calibrate_ranges": "quantkit.pipeline.ranges",
    "collect": "quantkit.pipeline.collecting",
    "compare": "quantkit.pipeline.comparing",
    "from_torch": "quantkit.pipeline.models",
    "load_model": "quantkit.pipeline.models",
    "open_source": "quantkit.data.opening",
    "quantize": "quantkit.pipeline.quantizing",
}

__all__ = [
    "Artifact",
    "Calibration",
    "Collecting",
    "Comparing",
    "Comparison",
    "Exclusion",
    "ExitCode",
    "Histogram",
    "Model",
    "Preprocessing",
    "QuantkitError",
    "Range",
    "Statistics",
    "__version__",
    "calibrate_ranges",
    "collect",
    "compare",
    "from_torch",
    "load_model",
    "open_source",
    "quantize",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for: `import quantkit` itself loads nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quantkit' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
