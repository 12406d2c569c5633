"""The one form of a model that collecting and quantizing both start from, so that tensor names agree."""

from __future__ import annotations

from dataclasses import replace

from onnx import ModelProto

from quantkit.core.errors import ModelError
from quantkit.graph.editing.draft import Draft
from quantkit.graph.loading import structure
from quantkit.graph.loading.precision import refuse_other_precisions
from quantkit.graph.model import Model
from quantkit.graph.passes.batchnorm import batchnorm_folded
from quantkit.graph.passes.constants import constants_to_initializers
from quantkit.graph.passes.functions import functions_inlined
from quantkit.graph.passes.identities import identities_bridged
from quantkit.graph.passes.interface import free_dimensions_freed, initializers_out_of_inputs
from quantkit.graph.passes.kernel_shapes import kernel_shapes_stated
from quantkit.graph.passes.known_shapes import shapes_inferred
from quantkit.graph.passes.node_names import nodes_named
from quantkit.graph.passes.opset import opset_upgraded
from quantkit.graph.passes.unused import unused_removed


def prepared(model: Model, *, upgrade_opset: bool = False) -> Model:
    """`model` with the same inputs, outputs and results, ready for placement: the same every time.

    Functions are put in place, Constants become initializers, initializers leave the inputs, BatchNormalization is
    folded, Identity bridged, dead nodes dropped; every node has a name of its own and every tensor a shape, where one
    can be inferred. Subgraphs of If, Loop and Scan stay as they are. The digest stays that of the original.

    Args:
        model: as loaded; it stays as it is.
        upgrade_opset: convert operator sets below 13, which lack per-channel scales.

    Raises:
        ModelError: not a float32 model, an operator set below 13 without `upgrade_opset`, or one that cannot be
            converted.
    """
    try:
        return replace(model, proto=_rewritten(Draft.of(model.proto, model.folder), upgrade_opset=upgrade_opset))
    except ModelError as refusal:
        raise refusal.located(str(model.path or model.proto.graph.name)) from refusal.__cause__


def _rewritten(draft: Draft, *, upgrade_opset: bool) -> ModelProto:
    initializers_out_of_inputs(draft)
    free_dimensions_freed(draft)
    functions_inlined(draft)
    constants_to_initializers(draft)
    refuse_other_precisions(draft)
    opset_upgraded(draft, allowed=upgrade_opset)
    # Upgrades turn attributes into Constants.
    constants_to_initializers(draft)
    identities_bridged(draft)
    batchnorm_folded(draft)
    kernel_shapes_stated(draft)
    unused_removed(draft)
    nodes_named(draft)
    shapes_inferred(draft)
    proto = draft.whole()
    structure.refuse_disorder(proto.graph)
    return proto
