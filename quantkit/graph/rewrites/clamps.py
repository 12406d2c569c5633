"""A Clip that only codes are made of, written so that a runtime may move the Q behind it to before it.

TensorRT does that and forgets to divide the Clip's bounds by the scale: a ReLU6 then cuts at six codes instead of six.
Seen with 8.5.3, in an engine that agreed with its model on every tenth image; only a Clip from 0 on the sums of a
convolution in integers comes out right. A Relu stays a Relu on codes, and the Q clamps above; no Q is moved before a
Min.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import NodeProto, helper

from quantkit.core.scheme import INT8
from quantkit.graph.editing.additions import Additions
from quantkit.graph.editing.wiring import Slot, Wiring

# A Q behind these may as well stand before them.
_HANDING_ON = frozenset(
    {"Concat", "Dropout", "Flatten", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)


def pairs_behind(wiring: Wiring, tensor: str, paired: Mapping[str, Sequence[Slot]]) -> tuple[str, ...]:
    """The tensors as which all values of `tensor` become codes, moved or picked at most; none if some do not.

    Args:
        wiring: the model.
        tensor: where to begin.
        paired: tensor → the inputs that read it behind its pair.
    """
    if wiring.leaves(tensor):
        return ()
    readers, behind = wiring.readers.get(tensor, ()), paired.get(tensor, ())
    found = [tensor] if behind else []
    for slot in readers:
        if slot in behind:
            continue
        node = wiring.nodes[slot.node]
        further = pairs_behind(wiring, node.output[0], paired) if node.op_type in _HANDING_ON else ()
        if not further:
            return ()
        found.extend(further)
    return tuple(dict.fromkeys(found))


def as_written(
    clip: NodeProto, bounds: tuple[float, float] | None, scales: Sequence[float], additions: Additions
) -> list[NodeProto]:
    """The same function, but for what the codes behind it clamp anyway.

    Args:
        clip: a Clip.
        bounds: the interval around 0 that it lets through, where that is known.
        scales: of all symmetric codes that its values become.
        additions: where names come from.
    """
    if bounds is not None and bounds[0] == 0 and all(is_implied(bounds[1], scale) for scale in scales):
        return [helper.make_node("Relu", [clip.input[0]], list(clip.output), clip.name)]
    data, low, high = [*clip.input, "", ""][:3]
    steps = [(operator, bound) for operator, bound in (("Min", high), ("Max", low)) if bound]
    nodes = []
    for operator, bound in steps:
        made = additions.name(f"{clip.output[0]}_{operator.lower()}")
        nodes.append(additions.node(operator, [data, bound], made, f"{clip.name}_{operator}"))
        data = made
    if not nodes:
        return [clip]
    # What reads the Clip, and what asks for it by name, finds its last step.
    nodes[-1].output[0], nodes[-1].name = clip.output[0], clip.name
    return nodes


def is_implied(high: float, scale: float) -> bool:
    """Whether everything above `high` has the code that `high` has itself, which is the highest.

    >>> is_implied(6.0, 6 / 127), is_implied(6.0, 4 / 127), is_implied(6.0, 6.1 / 127)
    (True, True, False)
    """
    return bool(np.rint(np.float32(high) / np.float32(scale)) >= INT8.highest)
