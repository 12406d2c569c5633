"""Where the results of a whole job go: to a folder, and one of them to a file of its own where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quantkit.core.errors import UsageError

CALIBRATION, STATISTICS = "calibration", "statistics"

_KINDS = {".qcal.json": CALIBRATION, ".json": CALIBRATION, ".safetensors": STATISTICS}

# A folder of such a name would be taken for what it is not.
_OTHERS = {
    ".onnx": "quantkit quantize MODEL --calib FILE -o {name} writes it there",
    ".plan": "quantkit build MODEL -o {name} writes it there",
    ".engine": "quantkit build MODEL -o {name} writes it there",
    ".html": "quantkit report FOLDER/run.json --html {name} writes it there",
    ".md": "quantkit report FOLDER/run.json --md {name} writes it there",
    ".cache": "quantkit cache convert FOLDER/RULE.qcal.json {name} --model MODEL writes it there",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go.

    Args:
        folder: for all of them.
        file: where one of them is put as well.
        kind: which: `CALIBRATION` or `STATISTICS`; empty without a file.
    """

    folder: Path
    file: Path | None = None
    kind: str = ""


def destination(output: Path | None, model: Path) -> Destination:
    """What ``--output`` means.

    Raises:
        UsageError: it names a kind of file that no calibration writes.

    >>> destination(Path("out/net.qcal.json"), Path("net.onnx"))
    Destination(folder=PosixPath('out/net-int8'), file=PosixPath('out/net.qcal.json'), kind='calibration')
    """
    if output is None:
        return Destination(Path(f"{model.stem}-int8"))
    name = output.name.lower()
    suffix = next((suffix for suffix in (*_KINDS, *_OTHERS) if name.endswith(suffix)), None)
    if suffix is None or output.is_dir():
        return Destination(output)
    if suffix in _OTHERS:
        raise UsageError(
            "QK1094",
            f"calibrate fills a folder, and {output.name} is the name of a file",
            hints=["give a folder, or a file NAME.qcal.json for the ranges", _OTHERS[suffix].format(name=output.name)],
        )
    stem = output.name[: -len(suffix)] or model.stem
    return Destination(output.with_name(f"{stem}-int8"), output, _KINDS[suffix])


def preferred(rules: Sequence[str]) -> str:
    """The rule whose ranges a file of its own holds: TensorRT's own choice where it is asked for, or the first.

    >>> preferred(["max", "entropy"]), preferred(["mse", "max"])
    ('entropy', 'mse')
    """
    return "entropy" if "entropy" in rules else rules[0]
