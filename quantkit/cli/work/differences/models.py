"""Two models: what goes in and out, operators, constants, and the scales of what is quantized."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

from quantkit.cli.process.outputs import size_text
from quantkit.cli.work.differences.sheet import Sheet
from quantkit.graph.editing.tensors import blocks
from quantkit.graph.model import Model


def between(before: Model, after: Model) -> Sheet:
    """Operators whose number changed, and which constants did."""
    counts = [Counter(node.op_type for node in model.proto.graph.node) for model in (before, after)]
    operators = {name: (counts[0][name], counts[1][name]) for name in sorted(counts[0] | counts[1])}
    constants = [_constants(model) for model in (before, after)]
    lost, won = (sorted(one.keys() - two.keys()) for one, two in (constants, constants[::-1]))
    changed = sorted(name for name in constants[0].keys() & constants[1] if constants[0][name] != constants[1][name])
    changes = [
        f"{name}: {was} before, {now} after" for name, (was, now) in _signatures(before, after).items() if was != now
    ]
    return Sheet(
        title="Two models",
        lines=[
            *(f"{side}: {_told(model)}" for side, model in (("before", before), ("after", after))),
            *(changes or ["inputs and outputs are the same"]),
            f"{len(changed)} of {len(constants[0].keys() & constants[1])} constants in both changed, "
            f"{len(lost)} are only before and {len(won)} only after",
        ],
        head=["operator", "before", "after", "change"],
        rows=[[name, str(was), str(now), f"{now - was:+d}"] for name, (was, now) in operators.items() if was != now],
        document={
            "kind": "model",
            "same": before.digest == after.digest,
            "before": {"path": str(before.path), "sha256": before.digest, "bytes": before.size_bytes},
            "after": {"path": str(after.path), "sha256": after.digest, "bytes": after.size_bytes},
            "signature": {
                name: {"before": was, "after": now} for name, (was, now) in _signatures(before, after).items()
            },
            "operators": {name: {"before": was, "after": now} for name, (was, now) in operators.items()},
            "constants": {"changed": changed, "only_before": lost, "only_after": won},
        },
        remarks=[f"changed: {name}" for name in changed],
    )


def _told(model: Model) -> str:
    return (
        f"{model.path}, {size_text(model.size_bytes)}, {len(model.proto.graph.node)} nodes, content {model.digest[:12]}"
    )


def _signatures(before: Model, after: Model) -> Mapping[str, tuple[str, str]]:
    found = [
        {"inputs": ", ".join(map(str, model.inputs)), "outputs": ", ".join(map(str, model.outputs))}
        for model in (before, after)
    ]
    return {name: (found[0][name], found[1][name]) for name in found[0]}


def _constants(model: Model) -> dict[str, str]:
    """Initializer → digest of type, shape and content."""
    found = {}
    for tensor in model.proto.graph.initializer:
        seen = hashlib.sha256(f"{tensor.data_type} {list(tensor.dims)}".encode())
        for block in blocks(tensor, model.folder):
            seen.update(block)
        found[tensor.name] = seen.hexdigest()
    return found
