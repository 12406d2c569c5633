"""One command line in, one result and one exit code out, through every door."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from quantkit.cli.main import main

SCRIPT = [sys.executable, "-c", "import sys; from quantkit.cli.main import main; sys.exit(main())"]
MODULE = [sys.executable, "-m", "quantkit"]
CALIBRATE = [sys.executable, "-m", "quantkit.calibrate"]


@dataclass(frozen=True, slots=True)
class Case:
    """A command line, how it ends, and what standard error says about it."""

    words: str
    exit_code: int
    says: str


WRONG_USAGE = [
    Case("", 2, "usage: quantkit COMMAND"),
    Case("calibarte m.onnx", 2, r"there is no command 'calibarte'\nhint:  did you mean 'calibrate'\?"),
    Case("--json", 2, ""),
    Case("-v doctor", 2, r"there is no command '-v'\nhint:  quantkit COMMAND -v"),
    Case("calibrate", 2, "MODEL and --data are missing"),
    Case("calibrate m.onnx", 2, "--data is missing"),
    Case("calibrate m.onnx --data d --metod max", 2, r"no option --metod\nhint:  did you mean '--method'\?"),
    Case(
        "calibrate m.onnx --data d --method entrpy",
        2,
        r"--method 'entrpy' is not known\nhint:  did you mean 'entropy'\?",
    ),
    Case("calibrate m.onnx --data d --method max,max", 2, "names 'max' twice"),
    Case("calibrate m.onnx --data d --seed 1 --seed 2", 2, "--seed is given twice, as '1' and as '2'"),
    Case("calibrate m.onnx n.onnx --data d", 2, "'n.onnx' is one word too many"),
    Case("calibrate --data d --exclude-nodes a m.onnx", 2, "takes every word that follows it: put MODEL in front"),
    Case("calibrate m.onnx --data d --batch-size 0", 2, "--batch-size '0' must be at least 1"),
    Case("calibrate m.onnx --data d --shard 3/2", 2, "--shard '3/2' is not a shard"),
    Case("calibrate m.onnx --data d --override softmax", 2, "--override 'softmax' is not GLOB=RULE"),
    Case("calibrate m.onnx --data d --output", 2, "expected one argument"),
    Case("calibrate m.onnx --data d --target tpu", 2, "--target 'tpu' is not known"),
    Case("calibrate --resume r.jsonl --data d", 2, "--resume takes no other options"),
    Case("calibrate m.onnx --data d --config absent.toml", 3, r"cannot read absent\.toml"),
    Case("calibrate --resume absent.jsonl", 3, r"cannot read absent\.jsonl"),
    Case("compare m.onnx --data d", 2, "CANDIDATE is missing"),
    Case("merge", 2, "PART is missing"),
    Case("report absent.json", 3, r"cannot read absent\.json"),
    Case("report run.json --to pdf", 2, "--to 'pdf' is not known"),
    Case("inspect model.plan", 3, "an engine is a program"),
    Case("inspect absent.json", 3, r"cannot read absent\.json"),
    Case("diff absent.json other.json", 3, r"cannot read absent\.json"),
]


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.mark.parametrize("case", WRONG_USAGE, ids=lambda case: case.words or "nothing")
def test_a_wrong_command_line_ends_with_a_message_and_no_traceback(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(case.words.split()) == case.exit_code
    output, notes = capsys.readouterr()
    assert re.search(case.says, notes)
    assert "Traceback" not in notes
    if "--json" not in case.words:
        assert output == ""


@pytest.mark.parametrize("case", [case for case in WRONG_USAGE if case.words], ids=lambda case: case.words)
def test_with_json_the_same_error_is_the_one_document_on_standard_output(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*case.words.split(), "--json"]) in (case.exit_code, 2)
    output, notes = capsys.readouterr()
    error = json.loads(output)["error"]
    assert set(error) == {"code", "title", "where", "cause", "hint", "hints", "docs", "exit_code"}
    assert re.fullmatch(r"QK\d{4}", error["code"])
    assert notes == ""


@pytest.mark.parametrize(
    ("door", "prog"),
    [(SCRIPT, "quantkit"), (MODULE, "python -m quantkit"), (CALIBRATE, "python -m quantkit.calibrate")],
    ids=["quantkit", "python -m quantkit", "python -m quantkit.calibrate"],
)
def test_every_door_leads_to_the_same_calibration(door: list[str], prog: str) -> None:
    words = [] if door is CALIBRATE else ["calibrate"]
    done = subprocess.run([*door, *words, "m.onnx"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    command = prog if door is CALIBRATE else f"{prog} calibrate"
    assert done.stderr.splitlines()[0] == "error[QK1077]: --data is missing"
    assert f"hint:  usage: {command} MODEL --data PATH [options]" in done.stderr
    assert done.stdout == ""


def test_help_and_version_are_results(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["--help"],
        ["-h"],
        ["help"],
        ["help", "merge"],
        ["--version"],
        ["doctor", "--help"],
        ["calibrate", "m.onnx", "-h"],
    ):
        assert main(words) == 0
        output, notes = capsys.readouterr()
        assert output
        assert notes == ""


def test_help_imports_neither_models_nor_runtimes() -> None:
    look = (
        "import sys; from quantkit.cli.main import main; main(['--help']); main(['calibrate', '--help']);"
        "sys.exit(bool({'numpy', 'onnx', 'onnxruntime', 'rich', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, check=False).returncode == 0


def test_a_word_behind_two_dashes_is_a_name_and_no_cry_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", "--", "--help"]) == 3
    assert "--help" in capsys.readouterr().err


def test_shown_settings_say_where_each_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "job.toml").write_text("batch-size = 4\nseed = 1\nthreads = 2\n")
    monkeypatch.setenv("QUANTKIT_SEED", "2")
    monkeypatch.setenv("QUANTKIT_THREADS", "3")
    assert main(["calibrate", "--config", "job.toml", "--threads", "1", "--show-config"]) == 0
    shown = capsys.readouterr().out
    assert 'threads = "1"  # command line' in shown
    assert 'seed = "2"  # QUANTKIT_SEED' in shown
    assert 'batch-size = "4"  # job.toml' in shown
    assert 'method = "max,entropy"  # default' in shown


def test_shown_settings_are_a_configuration_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["calibrate", "m.onnx", "--data", "d", "--exclude-nodes", "a b", "c", "--force", "--show-config"])
    shown = capsys.readouterr().out
    (tmp_path / "again.toml").write_text(shown)
    main(["calibrate", "--config", "again.toml", "--show-config"])
    again = capsys.readouterr().out
    without_origins = [re.sub("  # .*", "", text) for text in (shown, again)]
    assert without_origins[0].replace('"m.onnx"', f'"{"m.onnx"}"') == without_origins[1]


def test_messages_are_kept_in_a_file_when_asked_for(tmp_path: Path) -> None:
    torn = tmp_path / "r.jsonl"
    torn.write_text('{"schema"')
    assert main(["calibrate", "--resume", "r.jsonl", "--log-file", "logs/run.log"]) == 3
    assert (
        "WARNING quantkit.cli.work.job.journal: r.jsonl: the last line was cut off"
        in (tmp_path / "logs/run.log").read_text()
    )


def test_a_log_file_that_cannot_be_written_is_a_matter_of_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--log-file", str(tmp_path)]) == 4
    assert "cannot write" in capsys.readouterr().err


def test_a_variable_can_ask_for_json_even_from_a_command_line_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUANTKIT_FORMAT", "json")
    assert main(["doctor", "--no-such"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "QK1072"


def test_a_slip_in_a_variable_is_a_warning_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUANTKIT_SEEED", "1")
    assert main(["merge", "--show-config"]) == 0
    assert "warning: QUANTKIT_SEEED says nothing" in capsys.readouterr().err


def test_debugging_can_be_switched_on_for_a_whole_session() -> None:
    done = subprocess.run(
        [*MODULE, "doctor", "--no-such"],
        env={**os.environ, "QUANTKIT_DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback")
    assert "error[QK1072]" in done.stderr
