"""Every form of a judged run, in files that others may write to as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.cli.options.reports import Reports
from quantkit.cli.results.judged import SUMMARY, Judged
from quantkit.core.errors import UsageError
from quantkit.gate.judging import judge
from tests.gate_runs import run


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    return Judged(tmp_path / "run.json", judge(run()))


def test_a_job_summary_is_added_to(judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("what another step wrote")
    monkeypatch.setenv(SUMMARY, str(summary))
    assert judged.written(Reports(md=summary), []) == (summary,)
    judged.written(Reports(md=summary), [])
    first, *others = summary.read_text().split("## PASS")
    assert first == "what another step wrote\n"
    assert len(others) == 2


def test_any_other_file_is_replaced(judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUMMARY, raising=False)
    for path in (tmp_path / "a.md", tmp_path / "b.xml"):
        path.write_text("old")
    judged.written(Reports(md=tmp_path / "a.md", junit=tmp_path / "b.xml"), [])
    assert (tmp_path / "a.md").read_text().startswith("## PASS")
    assert (tmp_path / "b.xml").read_text().startswith("<?xml")


def test_two_forms_in_one_file_are_refused(judged: Judged, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"QK1090.*two reports are to be written"):
        judged.written(Reports(md=tmp_path / "a", junit=tmp_path / "x" / ".." / "a"), [])
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_not_overwritten(judged: Judged, tmp_path: Path) -> None:
    judged.run.write_text("{}")
    with pytest.raises(UsageError, match="QK1083"):
        judged.written(Reports(sarif=judged.run), [judged.run])


def test_nothing_is_written_where_one_form_cannot_be_shown(judged: Judged, tmp_path: Path) -> None:
    (tmp_path / "layers.json").write_text("{")
    with pytest.raises(Exception, match="QK3281"):
        judged.written(Reports(junit=tmp_path / "a.xml", md=tmp_path / "a.md"), [])
    assert not (tmp_path / "a.xml").exists()
