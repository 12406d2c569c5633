"""Functions that the model brings along are put in place of their calls."""

from __future__ import annotations

from onnx import inliner

from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.onnx_calls import reported


def functions_inlined(draft: Draft) -> None:
    """Leaves a graph of operators only.

    Raises:
        ModelError: the ONNX package cannot put a function in place.
    """
    if draft.proto.functions:
        with reported(
            "QK3013",
            "the ONNX package cannot put the model's functions in place",
            hints=["quantkit doctor shows the version of onnx; a newer one may do"],
        ):
            draft.adopt(inliner.inline_local_functions(draft.light()))
