"""What ``--output`` means: a folder, or a file with a folder beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.cli.work.job.destination import Destination, destination
from quantkit.core.errors import UsageError

MODEL = Path("net.onnx")


@pytest.mark.parametrize(
    ("output", "meant"),
    [
        (None, Destination(Path("net-int8"))),
        ("out", Destination(Path("out"))),
        ("v1.2", Destination(Path("v1.2"))),
        ("a/b.qcal.json", Destination(Path("a/b-int8"), Path("a/b.qcal.json"), "calibration")),
        ("b.json", Destination(Path("b-int8"), Path("b.json"), "calibration")),
        (".qcal.json", Destination(Path("net-int8"), Path(".qcal.json"), "calibration")),
        ("all.safetensors", Destination(Path("all-int8"), Path("all.safetensors"), "statistics")),
    ],
)
def test_a_name_says_what_is_meant(output: str | None, meant: Destination) -> None:
    assert destination(None if output is None else Path(output), MODEL) == meant


@pytest.mark.parametrize(
    ("output", "remedy"),
    [("b.onnx", "quantkit quantize MODEL"), ("b.plan", "quantkit build"), ("b.html", "quantkit report")],
)
def test_another_kind_of_file_is_told_its_command(output: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=f"{output} is the name of a file") as refusal:
        destination(Path(output), MODEL)
    assert remedy in refusal.value.hints[1]


def test_a_folder_that_is_there_is_a_folder_whatever_it_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "results.json"
    folder.mkdir()
    assert destination(folder, MODEL) == Destination(folder)
