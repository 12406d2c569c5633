"""A run in other forms."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_markdown_is_what_the_whole_job_wrote(command: Command, finished: Path) -> None:
    result = command("report", finished / "run.json", "--to", "markdown")
    assert result.output == (finished / "report.md").read_text()


def test_a_report_goes_into_a_file(command: Command, finished: Path) -> None:
    assert command("report", finished / "run.json", "--to", "json", "-o", "copy.json").exit_code == 0
    assert json.loads(Path("copy.json").read_text())["schema"] == "quantkit.run/1"
    assert command("report", finished / "run.json", "-o", "copy.json").exit_code == 2


def test_the_table_is_the_default(command: Command, finished: Path) -> None:
    assert "FP32 against max and entropy" in command("report", finished / "run.json").output


def test_rows_that_are_missing_are_asked_for(command: Command, finished: Path) -> None:
    shutil.copy(finished / "run.json", "run.json")
    refusal = command("report", "run.json")
    assert refusal.exit_code == 3
    assert "samples.jsonl" in refusal.notes


def test_the_form_follows_the_name_of_the_output(command: Command, finished: Path) -> None:
    assert command("report", finished / "run.json", "-o", "summary.md").exit_code == 0
    assert Path("summary.md").read_text() == (finished / "report.md").read_text()
