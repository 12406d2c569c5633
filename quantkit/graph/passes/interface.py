"""The model's interface: inputs are what has to be fed, and free dimensions are free."""

from __future__ import annotations

from itertools import chain

from quantkit.graph.editing.draft import Draft

_FIRST_WITH_PLAIN_INITIALIZERS = 4


def initializers_out_of_inputs(draft: Draft) -> None:
    """Initializers that IR 3 wanted as graph inputs as well stop being inputs: nobody may replace a weight."""
    kept = [value for value in draft.graph.input if value.name not in draft.weights]
    del draft.graph.input[:]
    draft.graph.input.extend(kept)
    draft.proto.ir_version = max(draft.proto.ir_version, _FIRST_WITH_PLAIN_INITIALIZERS)


def free_dimensions_freed(draft: Draft) -> None:
    """Sizes of −1 and 0, by which some exporters mean a free dimension, become dimensions without a size."""
    for value in chain(draft.graph.input, draft.graph.output, draft.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.HasField("dim_value") and size.dim_value < 1:
                size.ClearField("dim_value")
