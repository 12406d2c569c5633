"""From what a user holds to a model that is ready for collecting and quantizing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from quantkit.core import arguments, plugins
from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError
from quantkit.graph.model import Model, from_bytes, load, refuse_quantized
from quantkit.graph.prepare import prepared
from quantkit.graph.shapes import with_shapes

AnyModel: TypeAlias = Model | Path | str


@arguments.checked
def load_model(
    path: Path | str,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    upgrade_opset: bool = False,
    requantize: bool = False,
    allow_custom_ops: bool = False,
) -> Model:
    """Reads an ONNX model and makes it ready: checked, constants in place, BatchNorm folded, shapes inferred.

    Args:
        path: the ONNX file; weights may lie in files beside it.
        shapes: input → sizes, for inputs with free dimensions that are to be fixed.
        upgrade_opset: raise an operator set below 13, which per-channel weights need.
        requantize: take a model that is quantized in part already; its float nodes are what is worked on.
        allow_custom_ops: accept operators that need a library of their own; `Collecting` and `Comparing` take its path.

    Raises:
        ModelError: the file is not a model that can be quantized; the message says what it looks like instead.
        UsageError: `shapes` does not fit the model.
    """
    model = load(Path(path), allow_custom_ops=allow_custom_ops)
    if not requantize:
        refuse_quantized(model)
    sized = with_shapes(model, {name: tuple(sizes) for name, sizes in shapes.items()}) if shapes else model
    try:
        return prepared(sized, upgrade_opset=upgrade_opset)
    except ModelError as refusal:
        raise refusal.within(str(path)) from refusal.__cause__


def from_torch(module: Any, *example: Array) -> Model:
    """A PyTorch module as a model, exported in evaluation mode with a free batch axis.

    Args:
        module: a ``torch.nn.Module``.
        example: one array for each argument of ``forward``, samples along axis 0.

    Raises:
        SetupError: PyTorch is not installed.
        ModelError: PyTorch cannot export the module.
    """
    exporter = plugins.optional("quantkit.backends._torch")
    return prepared(from_bytes(exporter.exported(module, example)))


def opened(model: AnyModel) -> Model:
    """`model` itself, or the model at that path made ready."""
    return model if isinstance(model, Model) else load_model(model)
