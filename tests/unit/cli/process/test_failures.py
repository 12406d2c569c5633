"""Every exception becomes one message and one exit code."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli.process.failures import Door, failure_of
from quantkit.cli.process.stopping import Stopped
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import (
    ArtifactError,
    DataError,
    ExitCode,
    ModelError,
    SetupError,
    TooLittleError,
    UsageError,
)


def left_by(error: BaseException, terminal: Terminal | None = None) -> int:
    with Door(terminal or Terminal(), ["calibrate", "model.onnx"]) as door:
        raise error
    return door.exit_code


@pytest.fixture(autouse=True)
def _crash_reports_in_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        pytest.param(UsageError("QK1071", "x"), 2, id="usage"),
        pytest.param(DataError("QK2101", "x"), 3, id="data"),
        pytest.param(ModelError("QK3001", "x"), 3, id="model"),
        pytest.param(ArtifactError("QK3201", "x"), 3, id="artifact"),
        pytest.param(SetupError("QK4001", "x"), 4, id="machine"),
        pytest.param(MemoryError(), 4, id="memory"),
        pytest.param(TooLittleError("QK5001", "x"), 5, id="too little"),
        pytest.param(ZeroDivisionError("x"), 70, id="a defect"),
        pytest.param(RecursionError("x"), 70, id="a bottomless one"),
        pytest.param(KeyboardInterrupt(), 130, id="Ctrl-C"),
        pytest.param(Stopped(ExitCode.TERMINATED), 143, id="SIGTERM"),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: BaseException, exit_code: int) -> None:
    assert left_by(error) == exit_code
    assert left_by(error, Terminal(format="json")) == exit_code


def test_the_text_names_place_cause_and_remedies(capsys: pytest.CaptureFixture[str]) -> None:
    left_by(DataError("QK2104", "3 bad batches", where="calib/1.png", cause="NaN", hints=["look", "skip"]))
    assert capsys.readouterr() == (
        "",
        "error[QK2104]: 3 bad batches\n  --> calib/1.png\ncause: NaN\nhint:  look\nhint:  skip\n",
    )


def test_json_holds_every_field_and_is_the_only_thing_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    left_by(DataError("QK2104", "3 bad batches", where="1.png", hints=["look"]), Terminal(format="json"))
    output, notes = capsys.readouterr()
    assert notes == ""
    assert json.loads(output) == {
        "ok": False,
        "error": {
            "code": "QK2104",
            "title": "3 bad batches",
            "where": "1.png",
            "cause": None,
            "hint": "look",
            "hints": ["look"],
            "docs": "docs/errors.md#qk2104",
            "exit_code": 3,
        },
    }


@given(st.text(), st.text())
def test_no_name_can_steer_a_terminal_or_break_the_json(title: str, where: str) -> None:
    failure = failure_of(DataError("QK2101", title, where=where))
    text = failure.as_text(colored=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", text)
    assert text.count("\n") == bool(where)
    assert json.loads(failure.as_json())["error"]["title"] == title


def test_colours_touch_the_frame_of_a_message_only() -> None:
    text = failure_of(DataError("QK2101", "x\x1b[0m")).as_text(colored=True)
    assert text == "\x1b[1;31merror[QK2101]\x1b[0m: \x1b[1mx\\x1b[0m\x1b[0m"


def test_a_defect_leaves_a_report_with_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_by(ZeroDivisionError("divided by zero"))
    report = next(tmp_path.glob("quantkit-crash-*.txt"))
    notes = capsys.readouterr().err
    assert "error[QK9001]: internal error: ZeroDivisionError: divided by zero" in notes
    assert str(report) in notes
    assert "Traceback" not in notes
    assert "ZeroDivisionError" in report.read_text()
    assert "['calibrate', 'model.onnx']" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_a_defect_without_room_for_a_report_says_how_to_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere at all")
    left_by(ZeroDivisionError())
    assert "--debug shows the traceback" in capsys.readouterr().err


def test_debugging_adds_the_traceback_and_keeps_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    left_by(DataError("QK2101", "none"), Terminal(debug=True))
    notes = capsys.readouterr().err
    assert notes.startswith("Traceback")
    assert notes.endswith("error[QK2101]: none\n")


def test_an_interrupted_run_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    left_by(Stopped(ExitCode.TERMINATED, resume="quantkit calibrate --resume r.jsonl"))
    assert capsys.readouterr().err == (
        "terminated; go on from the last checkpoint with:\nhint:  quantkit calibrate --resume r.jsonl\n"
    )


def test_an_interruption_without_anything_to_resume_says_only_that(capsys: pytest.CaptureFixture[str]) -> None:
    left_by(KeyboardInterrupt())
    assert capsys.readouterr().err == "interrupted\n"


def test_what_ends_the_interpreter_is_let_through() -> None:
    with pytest.raises(SystemExit):
        left_by(SystemExit(9))


def test_without_an_error_the_exit_code_is_the_commands_own() -> None:
    with Door(Terminal(), []) as door:
        door.exit_code = ExitCode.GATE_FAILED
    assert door.exit_code == ExitCode.GATE_FAILED


def test_subclasses_keep_the_exit_code_of_their_kind() -> None:
    class BadSampleError(DataError):
        pass

    assert left_by(BadSampleError("QK2201", "x")) == 3
