"""INT8 post-training quantization for TensorRT and ONNX Runtime, with an honest account of what it costs.

statistics = quantkit.collect(model, data)
calibration = quantkit.calibrate_ranges(statistics, "entropy")
int8 = quantkit.quantize(model, calibration, to="model.int8.onnx")
comparison = quantkit.compare(model, int8, held_out_data)
judgement = quantkit.judge(comparison)
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
    from quantkit.core.layer_errors import LayerErrors
    from quantkit.core.ranges import Range
    from quantkit.core.run import load as load_run
    from quantkit.core.run import save as save_run
    from quantkit.core.sensitivity import Sensitivity
    from quantkit.core.statistics import Statistics
    from quantkit.core.tolerance import Drop, Tolerance
    from quantkit.core.verdict import Check, Judgement, Verdict
    from quantkit.data.opening import open_source
    from quantkit.data.preprocessing import Preprocessing
    from quantkit.data.reading import Labelling, Reading
    from quantkit.data.selection import Selection
    from quantkit.gate.baseline import Baseline
    from quantkit.gate.baseline_file import load as load_baseline
    from quantkit.gate.judging import judge
    from quantkit.gate.rules import Rules
    from quantkit.graph.exclusion import Exclusion
    from quantkit.graph.model import Model
    from quantkit.pipeline.collecting import Collecting, collect
    from quantkit.pipeline.comparing import Comparing, compare
    from quantkit.pipeline.layers import Tracing, layer_errors
    from quantkit.pipeline.models import from_torch, load_model
    from quantkit.pipeline.quantizing import quantize
    from quantkit.pipeline.ranges import calibrate_ranges
    from quantkit.pipeline.rendering import render
    from quantkit.pipeline.sensing import Sensing
    from quantkit.pipeline.sensitivity import sensitivity
    from quantkit.pipeline.tensorrt_calibrator import tensorrt_calibrator

# Public name → module and name there.
_HOMES = {
    "Artifact": "quantkit.core.artifact:Artifact",
    "Baseline": "quantkit.gate.baseline:Baseline",
    "Calibration": "quantkit.core.calibration:Calibration",
    "Check": "quantkit.core.verdict:Check",
    "Collecting": "quantkit.pipeline.collecting:Collecting",
    "Comparing": "quantkit.pipeline.comparing:Comparing",
    "Comparison": "quantkit.core.comparison:Comparison",
    "Drop": "quantkit.core.tolerance:Drop",
    "Exclusion": "quantkit.graph.exclusion:Exclusion",
    "ExitCode": "quantkit.core.errors:ExitCode",
    "Histogram": "quantkit.core.histogram:Histogram",
    "Judgement": "quantkit.core.verdict:Judgement",
    "Labelling": "quantkit.data.reading:Labelling",
    "LayerErrors": "quantkit.core.layer_errors:LayerErrors",
    "Model": "quantkit.graph.model:Model",
    "Preprocessing": "quantkit.data.preprocessing:Preprocessing",
    "QuantkitError": "quantkit.core.errors:QuantkitError",
    "Range": "quantkit.core.ranges:Range",
    "Reading": "quantkit.data.reading:Reading",
    "Rules": "quantkit.gate.rules:Rules",
    "Selection": "quantkit.data.selection:Selection",
    "Sensing": "quantkit.pipeline.sensing:Sensing",
    "Sensitivity": "quantkit.core.sensitivity:Sensitivity",
    "Statistics": "quantkit.core.statistics:Statistics",
    "Tolerance": "quantkit.core.tolerance:Tolerance",
    "Tracing": "quantkit.pipeline.layers:Tracing",
    "Verdict": "quantkit.core.verdict:Verdict",
    "calibrate_ranges": "quantkit.pipeline.ranges:calibrate_ranges",
    "collect": "quantkit.pipeline.collecting:collect",
    "compare": "quantkit.pipeline.comparing:compare",
    "from_torch": "quantkit.pipeline.models:from_torch",
    "judge": "quantkit.gate.judging:judge",
    "layer_errors": "quantkit.pipeline.layers:layer_errors",
    "load_baseline": "quantkit.gate.baseline_file:load",
    "load_model": "quantkit.pipeline.models:load_model",
    "load_run": "quantkit.core.run:load",
    "open_source": "quantkit.data.opening:open_source",
    "quantize": "quantkit.pipeline.quantizing:quantize",
    "render": "quantkit.pipeline.rendering:render",
    "save_run": "quantkit.core.run:save",
    "sensitivity": "quantkit.pipeline.sensitivity:sensitivity",
    "tensorrt_calibrator": "quantkit.pipeline.tensorrt_calibrator:tensorrt_calibrator",
}

__all__ = [
    "Artifact",
    "Baseline",
    "Calibration",
    "Check",
    "Collecting",
    "Comparing",
    "Comparison",
    "Drop",
    "Exclusion",
    "ExitCode",
    "Histogram",
    "Judgement",
    "Labelling",
    "LayerErrors",
    "Model",
    "Preprocessing",
    "QuantkitError",
    "Range",
    "Reading",
    "Rules",
    "Selection",
    "Sensing",
    "Sensitivity",
    "Statistics",
    "Tolerance",
    "Tracing",
    "Verdict",
    "__version__",
    "calibrate_ranges",
    "collect",
    "compare",
    "from_torch",
    "judge",
    "layer_errors",
    "load_baseline",
    "load_model",
    "load_run",
    "open_source",
    "quantize",
    "render",
    "save_run",
    "sensitivity",
    "tensorrt_calibrator",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for: `import quantkit` itself loads nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quantkit' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
