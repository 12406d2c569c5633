"""Which units run in integers: all for whose sake a model is quantized, and those that pay among their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from quantkit.graph.editing.wiring import Slot, Wiring
from quantkit.graph.targets._units import Kind, Unit


class Choice:
    """The units that remain after all that do not pay have been dropped, until none is left to drop."""

    def __init__(self, wiring: Wiring, units: Mapping[int, Unit]) -> None:
        self._wiring = wiring
        self._maker = {name: unit for unit in units.values() for name in unit.outputs}
        self.units = dict(units)
        while dropped := [at for at, unit in self.units.items() if not self._pays(unit)]:
            for at in dropped:
                del self.units[at]

    def maker(self, tensor: str) -> Unit | None:
        """The unit that makes `tensor`, if it runs in integers."""
        unit = self._maker.get(tensor)
        return unit if unit is not None and unit.node in self.units else None

    def makes_codes(self, tensor: str) -> bool:
        """Whether the kernel that makes `tensor` makes codes rather than floats."""
        unit = self.maker(tensor)
        if unit is None:
            return False
        if unit.kind is Kind.MOVING:
            return self.makes_codes(unit.data[0])
        return not unit.hands_out_floats or self._multiplied(tensor)

    def readers(self, tensor: str) -> Iterator[tuple[Slot, Unit]]:
        """The chosen units that read `tensor` as codes, and where."""
        for slot in self._wiring.readers.get(tensor, ()):
            unit = self.units.get(slot.node)
            if unit is not None and tensor in unit.data:
                yield slot, unit

    def _multiplied(self, tensor: str) -> bool:
        """Whether a product reads the codes of `tensor`, or of what is only moved or picked from it."""
        return any(
            unit.kind is Kind.PRODUCT
            or (unit.kind is Kind.MOVING and any(self._multiplied(name) for name in unit.outputs))
            for _, unit in self.readers(tensor)
        )

    def _pays(self, unit: Unit) -> bool:
        match unit.kind:
            case Kind.PRODUCT:
                return True
            case Kind.PAIRING:
                # Small products gain less than converting their operands costs, so those have to be codes already.
                return all(self.makes_codes(name) for name in unit.data)
            case Kind.MOVING:
                return self.makes_codes(unit.data[0])
        return self._computing_pays(unit)

    def _computing_pays(self, unit: Unit) -> bool:
        """Compares how many elements are converted if it computes on codes and if on floats; a tie goes to the
        codes."""
        foreign = {name for name in unit.data if not self._available(name)}
        on_codes = self._elements(foreign) + self._elements(name for name in unit.outputs if self._is_read_raw(name))
        on_floats = self._elements({name for name in unit.data if self.makes_codes(name)})
        on_floats += self._elements(name for name in unit.outputs if any(self.readers(name)))
        return on_codes < on_floats or (on_codes == on_floats and not foreign)

    def _available(self, tensor: str) -> bool:
        """Whether the codes of `tensor` are there anyway."""
        return self.makes_codes(tensor) or any(unit.kind is Kind.PRODUCT for _, unit in self.readers(tensor))

    def _is_read_raw(self, tensor: str) -> bool:
        chosen = {slot for slot, _ in self.readers(tensor)}
        return self._wiring.leaves(tensor) or not chosen.issuperset(self._wiring.readers.get(tensor, ()))

    def _elements(self, tensors: Iterable[str]) -> int:
        return sum(self._wiring.elements(name) for name in tensors)
