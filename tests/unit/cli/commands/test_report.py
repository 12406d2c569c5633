"""A run in other forms."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantkit.core import run as stored

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


def test_several_reports_are_written_at_once(command: Command, finished: Path) -> None:
    result = command(
        *("report", finished / "run.json", "--html", "report.html", "--junit", "junit.xml", "--md", "summary.md"),
        *("--sarif", "findings.sarif", "--openmetrics", "metrics.txt", "--annotations", "notes.txt"),
    )
    assert result.exit_code == 0, result.notes
    assert result.output == ("written report.html, summary.md, junit.xml, findings.sarif, metrics.txt, notes.txt\n")
    assert '<p class="verdict pass">' in Path("report.html").read_text()
    assert 'testsuite name="quantkit check"' in Path("junit.xml").read_text()
    assert Path("summary.md").read_text() == (finished / "report.md").read_text()
    assert json.loads(Path("findings.sarif").read_text())["version"] == "2.1.0"
    assert Path("metrics.txt").read_text().endswith("# EOF\n")


def test_the_verdict_is_by_the_limits_that_are_given_and_never_the_exit_code(command: Command, finished: Path) -> None:
    result = command("report", finished / "run.json", "--md", "summary.md", "--min", "sqnr=99", "--json")
    assert result.exit_code == 0
    assert Path("summary.md").read_text().startswith("## FAIL")
    assert result.document["files"] == ["summary.md"]


def test_a_run_that_cannot_be_judged_is_shown_with_the_reason(command: Command, job: list[str], finished: Path) -> None:
    made = command(*job, "--method", "max", "--output", "out")
    assert made.exit_code == 0, made.notes
    assert "– NOT JUDGED" in Path("out/report.html").read_text()
    assert command("report", "out/run.json", "--html", "page.html", "--junit", "junit.xml").exit_code == 0
    page = Path("page.html").read_text()
    assert "– NOT JUDGED" in page
    assert "not judged: 64 of 64 evaluated samples were also calibrated on" in page


def test_a_limit_that_does_not_fit_the_run_is_refused(command: Command, finished: Path) -> None:
    refusal = command("report", finished / "run.json", "--html", "page.html", "--max-drop", "top7=1pp")
    assert refusal.exit_code == 2
    assert "QK6006" in refusal.notes
    assert not Path("page.html").exists()


def test_the_page_is_whole_with_the_model_and_the_data(command: Command, finished: Path, digits: Path) -> None:
    model, data = digits / "model.onnx", digits / "eval"
    result = command("report", finished / "run.json", "--html", "page.html", "--reference", model, "--data", data)
    assert result.exit_code == 0, result.notes
    again, first = (path.read_text() for path in (Path("page.html"), finished / "report.html"))
    assert again == first


def test_files_may_lie_elsewhere(command: Command, finished: Path) -> None:
    for name in ("run.json", "samples.jsonl"):
        shutil.copy(finished / name, name)
    assert command("report", "run.json", "--html", "bare.html").exit_code == 0
    assert '<section id="activations"' not in Path("bare.html").read_text()
    ranges = [finished / "max.qcal.json", finished / "entropy.qcal.json"]
    statistics = finished / "statistics.safetensors"
    result = command("report", "run.json", "--html", "page.html", "--statistics", statistics, "--calib", *ranges)
    assert result.exit_code == 0, result.notes
    page = Path("page.html").read_text()
    assert '<section id="activations"' in page
    assert "All ranges" in page


@pytest.mark.parametrize("option", ["--statistics", "--calib", "--reference", "--data"])
def test_files_of_another_run_are_refused(command: Command, finished: Path, digits: Path, option: str) -> None:
    shutil.copytree(finished, "out")
    run = Path("out/run.json")
    digest = stored.load(run).reference.digest
    run.write_text(run.read_text().replace(digest, "0" * 64))
    foreign = {
        "--statistics": finished / "statistics.safetensors",
        "--calib": finished / "max.qcal.json",
        "--reference": digits / "model.onnx",
        "--data": digits / "calib",
    }
    refusal = command("report", run, "--html", "page.html", option, foreign[option])
    assert refusal.exit_code == 3
    assert "QK3244" in refusal.notes
    assert "of another run" in refusal.notes


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--data", "x"], "is shown by HTML alone"),
        (["--html", "a.html", "--data", "x", "--no-thumbnails"], "--no-thumbnails wants none"),
        (["--max-drop", "top1=1pp"], "limits say nothing to the form table"),
        (["--to", "json", "--baseline", "b.json"], "limits say nothing to the form json"),
    ],
)
def test_what_would_do_nothing_is_refused(command: Command, finished: Path, words: list[str], told: str) -> None:
    refusal = command("report", finished / "run.json", *words)
    assert refusal.exit_code == 2
    assert "QK1087" in refusal.notes
    assert told in refusal.notes


@pytest.mark.parametrize("form", ["junit", "openmetrics", "annotations"])
def test_forms_with_an_option_of_their_own_are_told_by_it(command: Command, finished: Path, form: str) -> None:
    refusal = command("report", finished / "run.json", "--to", form)
    assert refusal.exit_code == 2
    assert f"error[QK1076]: --to '{form}' is not known" in refusal.notes
    assert f"--{form} FILE writes it" in refusal.notes


def test_no_thumbnails_may_be_promised_where_there_would_be_none(command: Command, finished: Path) -> None:
    assert command("report", finished / "run.json", "--html", "page.html", "--no-thumbnails").exit_code == 0
