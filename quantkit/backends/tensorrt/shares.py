"""What an engine's time goes into: each layer's share, counted for the matrix product that it is there for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from onnx import GraphProto

from quantkit.backends.tensorrt.inspection import Layer, matrix_products
from quantkit.graph.editing.scopes import consumers, producers
from quantkit.graph.editing.wiring import title


@dataclass(frozen=True, slots=True)
class Profiled:
    """Matrix product → milliseconds of the layers that compute it or lead to it, conversions included.

    What follows the last product counts for that one, so the sum is the engine's whole time. A layer of several
    products is shared out evenly.
    """

    by_product: Mapping[str, float]


def no_faster_in_int8(int8: Profiled, floats: Profiled, *, least_gain: float = 0.02) -> tuple[str, ...]:
    """The matrix products on which integers do not save at least `least_gain` of the time that floats take, the one
    that loses most first.

    Args:
        int8: an engine with some of them in int8.
        floats: the same model built in fp16.
        least_gain: the noise of two measurements.
    """
    ours, theirs = int8.by_product, floats.by_product
    slower = [node for node in theirs if node in ours and ours[node] > theirs[node] * (1 - least_gain)]
    return tuple(sorted(slower, key=lambda node: theirs[node] - ours[node]))


def shared_out(engine: Iterable[Layer], spent: Mapping[str, float], graph: GraphProto) -> Profiled:
    """Counts every layer's time for the matrix products that it is there for.

    Args:
        engine: its layers.
        spent: layer → milliseconds.
        graph: the model that the engine was built from.
    """
    products = dict.fromkeys(map(title, matrix_products(graph)))
    homes = _homes(graph, products)
    makers = {tensor: title(node) for tensor, node in producers(graph).items()}
    found: dict[str, float] = defaultdict(float)
    for layer in engine:
        nodes = layer.nodes or tuple(makers[tensor] for tensor in layer.outputs if tensor in makers)
        named = [node for node in nodes if node in products]
        owners = named or list(dict.fromkeys(homes[node] for node in nodes if node in homes))
        for owner in owners:
            found[owner] += spent.get(layer.name, 0.0) / len(owners)
    return Profiled({product: found[product] for product in products if product in found})


def _homes(graph: GraphProto, products: Iterable[str]) -> dict[str, str]:
    """Node → the matrix product for whose sake it is there: itself, the next one behind it, or the last one."""
    homes = {product: product for product in products}
    readers = consumers(graph)
    for node in reversed(graph.node):
        behind = (title(reader) for name in node.output for reader in readers.get(name, ()))
        _settle(homes, title(node), behind)
    makers = producers(graph)
    for node in graph.node:
        _settle(homes, title(node), (title(makers[name]) for name in node.input if name in makers))
    return homes


def _settle(homes: dict[str, str], node: str, others: Iterator[str]) -> None:
    home = next((homes[other] for other in others if other in homes), None)
    if node not in homes and home is not None:
        homes[node] = home
