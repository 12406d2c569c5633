"""Which subsets of a network's codes tell what each layer costs: every subset once, however many layers ask for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from quantkit.core.qparams import QParams
from quantkit.graph.choosable import Choice
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.quantized_layers import LayeredPlacement, QuantizedLayer, Site, Sites

NOTHING, EVERYTHING = 0, 1
"""Positions of the two subsets that there always are."""


class Cell(NamedTuple):
    """One question: of a layer, ``"only"`` or ``"all_but"``, ``"weights"``, ``"activations"`` or ``"both"``."""

    layer: int
    mode: str
    part: str


@dataclass(frozen=True, slots=True)
class Experiments:
    """All subsets to run.

    Args:
        layers: of the placement.
        subsets: each different; what is in one is quantized.
        cells: question → position of the subset that answers it; without questions that make no sense.
        tensors: tensor → position of the subset of that tensor alone.
    """

    layers: tuple[QuantizedLayer, ...]
    subsets: tuple[Sites, ...]
    cells: Mapping[Cell, int]
    tensors: Mapping[str, int]

    @property
    def by_importance(self) -> tuple[int, ...]:
        """The order for a first look: what a short time should answer comes first."""
        looks = [
            (NOTHING, EVERYTHING),
            self._of("only", "both"),
            tuple(self.tensors.values()),
            self._of("all_but", "both"),
            range(len(self.subsets)),
        ]
        return tuple(dict.fromkeys(subset for look in looks for subset in look))

    def _of(self, mode: str, part: str) -> tuple[int, ...]:
        return tuple(subset for cell, subset in self.cells.items() if (cell.mode, cell.part) == (mode, part))

    def of_layer(self, layer: int) -> dict[tuple[str, str], int]:
        """(mode, part) → subset."""
        return {(cell.mode, cell.part): subset for cell, subset in self.cells.items() if cell.layer == layer}

    def choices(self, codes: Mapping[Site, QParams | QuantizedConstant]) -> tuple[list[Choice], list[tuple[int, ...]]]:
        """What has to be chosen in a model for these subsets, and the choices of each of them.

        Readings of a tensor that are in the same subsets always are one choice.
        """
        inside: dict[Site, list[int]] = defaultdict(list)
        for number, subset in enumerate(self.subsets):
            for site in subset:
                inside[site].append(number)
        groups: dict[tuple[str, int, tuple[int, ...]], list[Site]] = defaultdict(list)
        for site in sorted(inside, key=_place):
            groups[site.tensor, id(codes[site]), tuple(inside[site])].append(site)
        chosen: list[list[int]] = [[] for _ in self.subsets]
        choices = []
        for number, ((tensor, _, numbers), members) in enumerate(groups.items()):
            readers = tuple(site.reader for site in members if site.reader is not None)
            choices.append(Choice(tensor, codes[members[0]], readers if len(readers) == len(members) else None))
            for position in numbers:
                chosen[position].append(number)
        return choices, [tuple(numbers) for numbers in chosen]


def _place(site: Site) -> tuple[str, tuple[int, ...]]:
    return site.tensor, tuple(site.reader or ())


def experiments(placed: LayeredPlacement) -> Experiments:
    """The subsets for every layer: it alone and all but it, by weights, by activations and both."""
    numbers: dict[Sites, int] = {frozenset(): NOTHING, placed.sites: EVERYTHING}
    cells = {
        Cell(index, mode, part): numbers.setdefault(subset, len(numbers))
        for index, layer in enumerate(placed.layers)
        for mode, part, subset in _questions(layer, placed.sites)
    }
    alone: dict[str, set[Site]] = defaultdict(set)
    for site in placed.sites:
        alone[site.tensor].add(site)
    tensors = {
        tensor: numbers.setdefault(frozenset(members), len(numbers)) for tensor, members in sorted(alone.items())
    }
    return Experiments(placed.layers, tuple(numbers), cells, tensors)


def _questions(layer: QuantizedLayer, everything: Sites) -> Iterator[tuple[str, str, Sites]]:
    for part, kinds in (("weights", {True}), ("activations", {False}), ("both", {True, False})):
        own, taken = (frozenset(s for s in group if s.is_constant in kinds) for group in (layer.brings, layer.takes))
        if own:
            yield "only", part, own
        if taken or part == "both":
            yield "all_but", part, everything - taken
