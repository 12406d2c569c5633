"""What a run found is told once, and in the right place."""

from __future__ import annotations

from pathlib import Path

from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.job.account import Account
from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.ranges import Range
from quantkit.core.statistics import Fingerprint, Statistics


def account(*tensors: tuple[str, str]) -> Account:
    whole = Range(-1.0, 1.0)
    entries = {name: TensorCalibration(whole, whole, "max", notes=(note,)) for name, note in tensors}
    calibration = Calibration("max", symmetric=False, tensors=entries, provenance=Provenance("m", 8, "d"))
    return Account(Statistics(Fingerprint("m"), {}, ()), [], {"max": calibration})


def test_odd_tensors_are_named_by_kind_of_oddity() -> None:
    assert account(("a", "constant"), ("b", "dominated"), ("c", "constant")).remarks == [
        "max: tensors with a single value: a, c",
        "max: tensors whose largest value is far beyond all others, for which percentile may do better: b",
    ]


def test_a_line_stays_short_however_many_tensors_there_are() -> None:
    remarks = account(*[(f"t{number}", "constant") for number in range(9)]).remarks
    assert remarks == ["max: tensors with a single value: t0, t1, t2, t3, t4 and 4 more"]


def test_a_note_of_a_later_version_is_shown_as_it_is() -> None:
    assert account(("a", "peculiar")).remarks == ["max: peculiar: a"]


def test_without_a_comparison_that_shows_them_remarks_are_for_the_log() -> None:
    made = account(("a", "constant"))
    assert list(made.untold(Terminal())) == made.remarks


def test_files_are_listed_with_their_sizes(tmp_path: Path) -> None:
    made = account()
    made.written.append(tmp_path / "x\x1b.json")
    made.written[0].write_bytes(bytes(1500))
    shown = made.told(Terminal(), tmp_path).text
    assert "x\\x1b.json" in shown
    assert "1.5 kB" in shown
