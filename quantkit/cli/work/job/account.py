"""What a run of the whole job made and found, and how it is told in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quantkit.cli.command import Result
from quantkit.cli.process.outputs import size_text
from quantkit.cli.process.terminal import Terminal
from quantkit.core import plugins, run_document
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.statistics import Statistics
from quantkit.core.text import enumerated, printable

# A line that lists tensors stops here; quantkit inspect shows them all.
_MOST_LISTED = 5

_MEANINGS = {
    "constant": "tensors with a single value",
    "denormal": "tensors narrower than the smallest scale resolves",
    "dominated": "tensors whose largest value is far beyond all others, for which percentile may do better",
    "over-clipped": "tensors that lose much of their energy to saturation, for which mse or max may do better",
}


@dataclass(slots=True)
class Account:
    """What was made so far."""

    statistics: Statistics
    written: list[Path]
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    chosen: str = ""
    """The rule whose ranges a file of its own holds, where one was asked for."""
    comparison: Comparison | None = None
    command: str = ""
    """The command line that began the run, also where another one took it up."""

    @property
    def remarks(self) -> list[str]:
        """What a person should know about the ranges: what was left out, and a line for each rule and oddity."""
        return [
            *self._left_out,
            *(
                f"{rule}: {_MEANINGS.get(note, note)}: {_listed(tensors)}"
                for rule, calibration in self.calibrations.items()
                for note, tensors in _noted(calibration).items()
            ),
        ]

    @property
    def _left_out(self) -> list[str]:
        """The NaN and infinities that ``--on-nonfinite report`` let by."""
        held = {name: found.nonfinite for name, found in self.statistics.histograms.items() if found.nonfinite}
        if not held:
            return []
        first = min(self.statistics.first_nonfinite.values(), default="a sample that is not known")
        return [
            f"{sum(held.values())} values that are NaN or infinite are in no range: {_listed(list(held))}; first seen "
            f"in {printable(first)}"
        ]

    def untold(self, terminal: Terminal) -> Sequence[str]:
        """The remarks that the result itself does not show."""
        if self.comparison is None:
            return self.remarks
        return self.comparison.notes if terminal.format == "quiet" else []

    def told(self, terminal: Terminal, folder: Path) -> Result:
        """The result of the command."""
        parts = [_files(self.written)]
        if self.comparison is not None:
            table = plugins.load("quantkit.report", "table")(**terminal.table_options)
            parts.insert(0, table.render(self.comparison).rstrip() + "\n")
        if len(self.calibrations) > 1 and self.chosen:
            parts.append(f"{printable(str(self.written[0]))} holds the ranges by {self.chosen}")
        document = {
            "command": "calibrate",
            "output": str(folder),
            "chosen_rule": self.chosen or None,
            "samples": len(self.statistics.samples),
            "tensors": len(self.statistics.histograms),
            "rules": {
                name: {"rule": calibration.rule, "notes": _noted(calibration)}
                for name, calibration in self.calibrations.items()
            },
            "files": [str(path) for path in self.written],
            "run": None if self.comparison is None else run_document.written(self.comparison),
        }
        return Result("\n".join(parts), document, tuple(self.written))


def _noted(calibration: Calibration) -> dict[str, list[str]]:
    """Note → the tensors that carry it."""
    notes = sorted({note for tensor in calibration.tensors.values() for note in tensor.notes})
    return {note: calibration.noted(note) for note in notes}


def _listed(tensors: list[str]) -> str:
    return enumerated([printable(tensor) for tensor in tensors], _MOST_LISTED)


def _files(written: Sequence[Path]) -> str:
    width = max(len(printable(str(path))) for path in written)
    lines = [f"  {printable(str(path)):<{width}}  {size_text(path.stat().st_size):>8}" for path in written]
    return "\n".join(["written", *lines])
