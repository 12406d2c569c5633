"""What a person wants left in FP32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from quantkit.core import arguments
from quantkit.core.errors import UsageError
from quantkit.core.plugins import did_you_mean
from quantkit.graph.editing.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Nodes that stay in FP32, and tensors that get no Q/DQ pair.

    Args:
        nodes: node names, or globs such as ``"/head/*"``; a node without a name goes by its first output.
        ops: operator types, such as ``"Gemm"``.
        tensors: tensor names or globs; whatever reads or makes such a tensor stays in FP32.
    """

    nodes: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a text where several are wanted: its letters would be taken for names."""
        arguments.hold_fields(self)

    def excluded(self, wiring: Wiring) -> dict[int, str]:
        """Position of each excluded node → the reason.

        Raises:
            UsageError: a name, glob or operator that nothing in the model matches.
        """
        nodes = range(len(wiring.nodes))
        tensors = {name for at in nodes for name in _touched(wiring, at)}
        found: dict[int, str] = {}
        for glob, matches in _matched(self.tensors, tensors, "tensor", "QK1013"):
            touching = [at for at in nodes if matches.intersection(_touched(wiring, at))]
            found |= dict.fromkeys(touching, f"excluded by tensor {glob!r}")
        for glob, matches in _matched(self.ops, {node.op_type for node in wiring.nodes}, "operator", "QK1012"):
            found |= {at: f"excluded by operator {glob!r}" for at in nodes if wiring.nodes[at].op_type in matches}
        for glob, matches in _matched(self.nodes, {wiring.title(at) for at in nodes}, "node", "QK1011"):
            found |= {at: f"excluded by name {glob!r}" for at in nodes if wiring.title(at) in matches}
        return found

    def __bool__(self) -> bool:
        return bool(self.nodes or self.ops or self.tensors)


def _touched(wiring: Wiring, at: int) -> Iterator[str]:
    """The tensors that a node reads and makes."""
    node = wiring.nodes[at]
    yield from (name for name in (*node.input, *node.output) if name)


def _matched(globs: Iterable[str], names: set[str], kind: str, code: str) -> Iterable[tuple[str, set[str]]]:
    """Each glob with the names it matches, the last one first, so that the first one's reason is what remains."""
    for glob in reversed(tuple(globs)):
        # A name that holds brackets is meant literally before it is taken for a pattern.
        matches = {glob} if glob in names else {name for name in names if fnmatchcase(name, glob)}
        if not matches:
            raise UsageError(
                code,
                f"no {kind} of the model matches {glob!r}",
                hints=[*did_you_mean(glob, sorted(names)), "quantkit inspect MODEL lists the names"],
            )
        yield glob, matches
