"""A run leaves what another process needs to take it up."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli.work.job import journal
from quantkit.cli.work.job.journal import Journal
from quantkit.core.errors import ArtifactError

ASKED = {"model": ("/m.onnx",), "method": ("max,entropy",), "force": ()}
INPUTS = {"model": "aa" * 32, "data": "bb" * 32, "quantkit": "1.0"}


@pytest.fixture
def begun(tmp_path: Path) -> Journal:
    record = Journal(tmp_path / ".quantkit" / "run-1.jsonl", ASKED, INPUTS)
    record.begin()
    return record


def test_a_journal_says_what_was_asked_and_what_is_done(begun: Journal) -> None:
    begun.record("statistics", {"digest": "cc"})
    again = journal.read(begun.path)
    assert (again.asked, again.inputs) == (ASKED, INPUTS)
    assert again.steps["statistics"]["digest"] == "cc"


@given(st.integers(1, 200))
def test_wherever_the_last_line_is_torn_the_rest_is_read(cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        record = Journal(Path(folder) / "run.jsonl", ASKED, INPUTS)
        record.begin()
        whole = record.path.read_bytes()
        record.record("statistics", {"digest": "cc" * 40})
        torn = record.path.read_bytes()[: len(whole) + cut]
        record.path.write_bytes(torn)
        again = journal.read(record.path)
        assert again.asked == ASKED
        assert list(again.steps) == (["statistics"] if torn.endswith(b"\n") else [])


def test_the_command_line_that_began_a_run_is_known_to_whoever_takes_it_up(tmp_path: Path) -> None:
    record = Journal(tmp_path / "run.jsonl", ASKED, INPUTS, command="quantkit calibrate 'my model.onnx'")
    record.begin()
    assert journal.read(record.path).command == "quantkit calibrate 'my model.onnx'"
    first = json.loads(record.path.read_text())
    del first["command"]
    record.path.write_text(json.dumps(first) + "\n")
    assert journal.read(record.path).command == ""


def test_a_torn_line_is_dropped_with_a_notice_and_for_good(begun: Journal, caplog: pytest.LogCaptureFixture) -> None:
    whole = begun.path.read_bytes()
    begun.path.write_bytes(whole + b'{"step": "stat')
    with caplog.at_level(logging.WARNING):
        journal.read(begun.path)
    assert "the last line was cut off and is dropped" in caplog.text
    assert begun.path.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no JSON\n",
        b"[]\n",
        b'{"schema": "quantkit.journal/1"}\n',
        b'{"schema": "other"}\n',
        b"[" * 99999 + b"\n",
    ],
    ids=["empty", "an empty line", "no JSON", "another form", "keys missing", "another schema", "bottomless"],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a usable journal") as refusal:
        journal.read(path)
    assert refusal.value.where == str(path)


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .*run\.jsonl"):
        journal.read(tmp_path / "run.jsonl")


def test_a_run_goes_on_with_the_same_inputs_only(begun: Journal) -> None:
    begun.require(INPUTS)
    with pytest.raises(ArtifactError, match="cannot be resumed") as refusal:
        begun.require({"model": "aa" * 32, "quantkit": "2.0", "labels": "dd"})
    assert refusal.value.cause == (
        "data: bbbbbbbbbbbbbbbb then, nothing now; labels: nothing then, dd now; quantkit: 1.0 then, 2.0 now"
    )


def test_a_run_that_is_done_leaves_nothing_to_resume(begun: Journal) -> None:
    begun.checkpoint.write_text("counts")
    begun.forget()
    assert not begun.path.parent.exists()


def test_a_new_run_to_the_same_output_begins_anew(begun: Journal) -> None:
    begun.record("statistics", {})
    begun.checkpoint.write_text("counts")
    begun.begin()
    assert journal.read(begun.path).steps == {}
    assert not begun.checkpoint.exists()


def test_each_output_has_one_journal_beside_it(tmp_path: Path) -> None:
    path = journal.journal_path(tmp_path / "out")
    assert path == journal.journal_path(tmp_path / "out")
    assert path.parent == tmp_path / ".quantkit"
    assert path != journal.journal_path(tmp_path / "other")


def test_every_line_is_json(begun: Journal) -> None:
    begun.record("statistics", {"digest": "\ud800é"})
    for line in begun.path.read_text().splitlines():
        json.loads(line)
