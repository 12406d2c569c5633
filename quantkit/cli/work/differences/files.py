"""Two files, by their kind."""

from __future__ import annotations

from pathlib import Path

from quantkit.cli.command import Result
from quantkit.cli.inputs.kinds import kind_of
from quantkit.cli.work.differences import calibrations, models, runs
from quantkit.core import run
from quantkit.core.calibration import SCHEMA as CALIBRATION
from quantkit.core.calibration import Calibration
from quantkit.core.errors import UsageError
from quantkit.core.sensitivity_file import SCHEMA as SENSITIVITY
from quantkit.graph.model import load

_MODEL = "model"


def between(before: Path, after: Path, *, markdown: bool = False) -> Result:
    """The differences of two runs, two calibrations or two models.

    Raises:
        UsageError: the files are of two kinds.
    """
    kinds = _kind(before), _kind(after)
    if kinds[0] != kinds[1]:
        title = f"{before.name} is a {_word(kinds[0])} and {after.name} a {_word(kinds[1])}"
        raise UsageError("QK1088", title, hints=["give two runs, two calibrations or two models"])
    if kinds[0] == SENSITIVITY:
        title = "two sensitivities are not compared: what a layer costs depends on all others"
        raise UsageError("QK1088", title, hints=["quantkit inspect shows each"])
    if kinds[0] == _MODEL:
        sheet = models.between(load(before), load(after))
    elif kinds[0] == CALIBRATION:
        sheet = calibrations.between(Calibration.load(before), Calibration.load(after))
    else:
        sheet = runs.between(run.load(before), run.load(after))
    return sheet.result(markdown=markdown)


def _kind(path: Path) -> str:
    return _MODEL if path.suffix.lower() == ".onnx" else kind_of(path)


def _word(kind: str) -> str:
    return kind.partition("/")[0].rpartition(".")[2]
