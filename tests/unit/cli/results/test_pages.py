"""The page of a whole job, and what is found beside a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantkit.cli.results import pages
from quantkit.core import run
from quantkit.pipeline.evidence import judged

Command = Callable[..., Any]


def test_the_whole_job_leaves_a_page_with_every_section(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for anchor in ("verdict", "tradeoff", "layers", "activations", "weights", "samples", "coverage", "origin"):
        assert f'<section id="{anchor}"' in page
    assert "data:image/jpeg;base64," in page
    assert len(page) < 6_000_000


def test_what_belongs_to_the_run_is_found_beside_it(finished: Path) -> None:
    path = finished / "run.json"
    found = pages.behind(path, judged(run.load(path)))
    assert found.judgement is not None
    assert found.judgement.checks
    assert found.statistics is not None
    assert sorted(found.calibrations) == sorted(found.layers) == ["entropy", "max"]


def test_what_belongs_to_other_models_is_left_alone(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "out")
    text = (folder / "run.json").read_text()
    reference = run.load(folder / "run.json").reference.digest
    (folder / "run.json").write_text(text.replace(reference, "0" * 64))
    assert pages.behind(folder / "run.json", judged(run.load(folder / "run.json"))).statistics is None


def test_ranges_are_found_by_what_a_candidate_says_and_not_by_its_name(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "out")
    (folder / "max.qcal.json").rename(folder / "renamed.qcal.json")
    found = pages.behind(folder / "run.json", judged(run.load(folder / "run.json")))
    assert {name: made.rule for name, made in found.calibrations.items()} == {"max": "max", "entropy": "entropy"}


def test_the_page_is_made_again_from_the_run(command: Command, finished: Path) -> None:
    assert command("report", finished / "run.json", "--to", "html", "-o", "again.html").exit_code == 0
    page = Path("again.html").read_text()
    assert '<section id="layers"' in page
    # Pictures and weights lie elsewhere.
    assert "data:image/jpeg" not in page


def test_pictures_are_left_out_on_request(command: Command, job: list[str], digits: Path) -> None:
    result = command(*job, "--eval", digits / "eval", "--method", "max", "--no-thumbnails", "--output", "out")
    assert result.exit_code == 0, result.notes
    assert "data:image/jpeg" not in Path("out/report.html").read_text()
