"""Where the error arises: every quantized activation, alone and after all others."""

from __future__ import annotations

from quantkit.core.evidence import Evidence
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.report._html.markup import Section, escaped, figure, folded, short, table
from quantkit.report._numbers import unsigned

_IDENTITY = "plot-layers"


def section(evidence: Evidence) -> Section | None:
    """Bars in graph order, or the worst first."""
    if not evidence.layers:
        return None
    choices = "".join(f"<option>{escaped(name, 60)}</option>" for name in evidence.layers)
    first = next(iter(evidence.layers.values()))
    # Options are told apart by their position: two names may look alike once they are shortened.
    controls = (
        f'<div class="controls"><label>model <select id="layers-model">{choices}</select></label>'
        '<fieldset><legend>order</legend><label><input type="radio" name="layers-order" value="graph" checked> '
        'as in the graph</label><label><input type="radio" name="layers-order" value="worst"> worst first</label>'
        "</fieldset></div>"
    )
    caption = (
        f"Signal to quantization noise of each quantized activation, dB, on {first.samples} samples; more is better. "
        "Isolated: the FP32 values, quantized and dequantized by themselves. Accumulated: the INT8 model's values "
        "against the FP32 model's, so with everything before them quantized."
    )
    if first.output_samples:
        caption += (
            " At the output: the FP32 model's outputs when this activation alone is quantized, weights untouched, on "
            f"{first.output_samples} samples."
        )
    tables = "".join(folded(f"The numbers: {name}", _table(errors)) for name, errors in evidence.layers.items())
    body = controls + figure(_IDENTITY, caption, tables, tall=True)
    data = {name: [_row(layer) for layer in errors.layers] for name, errors in evidence.layers.items()}
    return Section("layers", "Error by layer", body, data={"layers": list(data.values())})


def _row(layer: LayerError) -> list[object]:
    ratios = (layer.isolated_db, layer.accumulated_db, layer.output_db)
    return [layer.tensor, layer.operator, *(None if ratio is None else short(round(ratio, 2)) for ratio in ratios)]


def _table(errors: LayerErrors) -> str:
    header = ["activation", "made by", "isolated, dB", "accumulated, dB", "at the output, dB"]
    lines = [
        [layer.tensor, layer.operator or "model input", unsigned(layer.isolated_db), unsigned(layer.accumulated_db),
         "–" if layer.output_db is None else unsigned(layer.output_db)]
        for layer in errors.layers
    ]  # fmt: skip
    return table(header, lines, names=2)
