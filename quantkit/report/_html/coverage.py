"""What really runs in integers, as the engine tells."""

from __future__ import annotations

from collections import Counter

from quantkit.core.comparison import Comparison, Coverage
from quantkit.report._html.markup import Section, escaped, folded, table


def section(comparison: Comparison) -> Section | None:
    """A table of operators for each candidate, and one of the nodes that stay in float."""
    parts = []
    for outcome in comparison.candidates:
        coverage = outcome.subject.coverage
        if coverage is not None and not comparison.is_yardstick(outcome):
            told = f"{coverage.integer} of {coverage.total} nodes run in INT8 ({100 * coverage.share:.0f} %)"
            parts.append(
                f"<h3>{escaped(outcome.subject.name, 60)}</h3><p>{told}.</p>{_operators(coverage)}{_floating(coverage)}"
            )
    return Section("coverage", "INT8 coverage", "".join(parts)) if parts else None


def _operators(coverage: Coverage) -> str:
    nodes = Counter((node.operator, node.precision, node.reason) for node in coverage.nodes)
    ranked = sorted(nodes.items(), key=lambda entry: (entry[0][1] == "int8", -entry[1], entry[0]))
    lines = [[operator, precision, reason or "–", str(times)] for (operator, precision, reason), times in ranked]
    return table(["operator", "precision", "reason", "nodes"], lines, names=3)


def _floating(coverage: Coverage) -> str:
    lines = [[node.node or "unnamed", node.operator, node.precision, node.reason or "–"] for node in coverage.nodes
             if node.precision != "int8"]  # fmt: skip
    return (
        folded(f"Nodes not in INT8: {len(lines)}", table(["node", "operator", "precision", "reason"], lines, names=4))
        if lines
        else ""
    )
