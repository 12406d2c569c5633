"""PyTorch modules become ONNX bytes, through PyTorch's own exporter."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError

# The first opset of PyTorch's current exporter; per-channel Q/DQ needs 13.
OPSET = 18


def exported(module: torch.nn.Module, example: Sequence[Array]) -> bytes:
    """ONNX bytes of `module` in evaluation mode, with a free batch axis on every input.

    Args:
        module: the trained network; its mode is put back afterwards.
        example: one array for each argument of ``forward``, samples along axis 0.

    Inputs are named as ``forward`` names its arguments.

    Raises:
        ModelError: PyTorch cannot export the module; says why in PyTorch's words.
    """
    names = _arguments(module, len(example))
    tensors = tuple(torch.as_tensor(array) for array in example)
    with _evaluating(module), warnings.catch_warnings():
        # The exporter warns of its own internals, which nobody here can act on.
        warnings.simplefilter("ignore")
        try:
            program: Any = torch.onnx.export(
                module,
                tensors,
                input_names=names,
                dynamic_shapes=tuple({0: torch.export.Dim.AUTO} for _ in names),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as refusal:
            raise ModelError(
                "QK3050",
                f"PyTorch cannot export {type(module).__name__} to ONNX",
                cause=str(refusal.__cause__ or refusal).strip().partition("\n")[0],
                hints=["export it with torch.onnx.export yourself and pass the file"],
            ) from refusal
    return bytes(_without_traces(program.model_proto).SerializeToString())


def _arguments(module: torch.nn.Module, count: int) -> list[str]:
    names = list(inspect.signature(module.forward).parameters)
    return names[:count] if len(names) >= count else [f"input_{index}" for index in range(count)]


@contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; export chatter is silenced for as long."""
    was_training = module.training
    chatter = logging.getLogger("torch.onnx")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with torch.no_grad():
            module.eval()
            yield
    finally:
        module.train(was_training)
        chatter.setLevel(level)


def _without_traces(proto: Any) -> Any:
    """Drops the exporter's notes, which hold source lines and paths: they differ between machines."""
    for node in proto.graph.node:
        del node.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info, *proto.graph.initializer):
        del value.metadata_props[:]
    return proto
