"""A baseline whose figures were edited is found by computing them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core.comparison import Comparison
from quantkit.core.errors import ArtifactError
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.gate import baseline_file
from quantkit.gate.judging import judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from tests.gate_runs import graded, run

LOOSE = {"top1": Tolerance(max_drop=Drop(50, "pp")), "quality": Tolerance(max_drop=Drop(50, "dB"))}


def saved(comparison: Comparison, folder: Path) -> Path:
    """The baseline that a run becomes, as a file."""
    metric = comparison.candidates[0].metrics[0].metric
    rules = Rules(tolerances={metric: LOOSE[metric]})
    change = Change("first", "2026-11-21", force=True)
    path = folder / "quantkit.baseline.json"
    baseline_file.save(updated(judge(comparison, rules), rules, None, change), path)
    return path


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    (entry,) = document["checks"].values()
    change(entry)
    path.write_text(json.dumps(document))


@settings(max_examples=15)
@given(
    regressed=st.integers(0, 30), fixed=st.integers(0, 30), better=st.booleans(), scale=st.sampled_from([1e-6, 1, 1e9])
)
def test_what_was_written_is_never_taken_for_edited(
    regressed: int, fixed: int, better: bool, scale: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("whole")
    baseline_file.load(saved(run(300, regressed=regressed, fixed=fixed), folder))
    values = np.random.default_rng(regressed).normal(30, 1, (2, 50)) * scale
    baseline_file.load(saved(graded(values[0], values[0] + values[1] * 1e-9, higher_is_better=better), folder))


RIGHT_OR_WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "int8": (lambda entry: entry.update(int8=0.9), "int8 is stored as 0.9; what is stored beside it makes 0.75\\n"),
    "int8 by one sample": (lambda entry: entry.update(int8=0.7502), "int8 is stored as 0.7502; .* makes 0.75\\n"),
    "fp32": (lambda entry: entry.update(fp32=0.5), "fp32 is stored as 0.5; .* makes 0.752\\n"),
    "drop": (lambda entry: entry.update(drop=0.0), "drop is stored as 0; .* makes 0.002\\n"),
    "the sign of drop": (lambda entry: entry.update(drop=-0.002), "drop is stored as -0.002; .* makes 0.002\\n"),
    "bounds": (lambda entry: entry.update(drop_ci95=[0.001, 0.003]), "the lower bound of drop is stored as 0.001; "),
    "flips": (lambda entry: entry.update(discordant=[10, 10]), "fp32 is stored as 0.752; .* makes 0.75\\n"),
    "more flips than samples": (
        lambda entry: entry.update(discordant=[1300, 1290]),
        r"discordant\[0\] is stored as 1300; .* makes 1250\n",
    ),
}


@pytest.mark.parametrize(("change", "says"), RIGHT_OR_WRONG.values(), ids=RIGHT_OR_WRONG.keys())
def test_an_edited_share_is_refused(change: Callable[[dict[str, Any]], object], says: str, tmp_path: Path) -> None:
    path = saved(run(5000, regressed=20, fixed=10, right=3760), tmp_path)
    edited(path, change)
    with pytest.raises(ArtifactError, match=f"int8/ort-cpu/top1: {says}") as refusal:
        baseline_file.load(path)
    assert (refusal.value.code, refusal.value.where) == ("QK6022", str(path))
    assert any("version control" in hint for hint in refusal.value.hints)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda entry: entry.update(int8=31.0), "int8 is stored as 31; "),
        (lambda entry: entry.update(fp32=31.0), "drop is stored as 0.5; "),
        (lambda entry: entry.update(drop_ci95=[0.6, 0.7]), "the lower bound of drop is stored as 0.6; .* makes 0.5\\n"),
    ],
    ids=["int8", "fp32", "bounds"],
)
def test_an_edited_mean_is_refused(change: Callable[[dict[str, Any]], object], says: str, tmp_path: Path) -> None:
    path = saved(graded(np.full(40, 30.0), np.full(40, 29.5)), tmp_path)
    edited(path, change)
    with pytest.raises(ArtifactError, match=f"int8/ort-cpu/quality: {says}"):
        baseline_file.load(path)


def test_a_number_of_samples_that_is_not_the_data_sets_was_edited() -> None:
    rules = Rules(tolerances={"top1": LOOSE["top1"]})
    whole = updated(judge(run(300), rules), rules, None, Change("first", "2026-11-21", force=True))
    judge(run(300), rules, whole)
    shrunk = replace(whole, dataset=replace(whole.dataset, samples=200))
    with pytest.raises(ArtifactError, match="the baseline says 200 samples of a data set that has 300") as refusal:
        judge(run(300), rules, shrunk)
    assert refusal.value.code == "QK6022"


def test_a_file_beside_with_other_outcomes_is_refused_even_where_its_hashes_fit(tmp_path: Path) -> None:
    mine = saved(graded(np.full(9_000, 30.0), np.random.default_rng(1).normal(30, 1, 9_000)), tmp_path)
    document = json.loads(mine.read_text())
    other = tmp_path / "other"
    other.mkdir()
    theirs = saved(graded(np.full(9_000, 30.0), np.random.default_rng(2).normal(30, 1, 9_000)), other)
    stranger = json.loads(theirs.read_text())
    document["outcomes"]["sha256"] = stranger["outcomes"]["sha256"]
    (entry,), (own,) = stranger["checks"].values(), document["checks"].values()
    own["outcomes"] = entry["outcomes"]
    mine.write_text(json.dumps(document))
    mine.with_suffix(".npz").write_bytes(theirs.with_suffix(".npz").read_bytes())
    with pytest.raises(ArtifactError, match="int8/ort-cpu/quality: int8 is stored as"):
        baseline_file.load(mine)
