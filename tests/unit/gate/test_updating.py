"""A baseline changes for a reason, from a run that passes, on the same samples; or because somebody says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantkit.core.errors import ArtifactError, GateError, TooLittleError, UsageError
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.gate.baseline import Baseline
from quantkit.gate.judging import judge
from quantkit.gate.rules import Rules
from quantkit.gate.updating import Change, updated
from tests.gate_runs import hits, of, outcome, run

RULES = Rules(tolerances={"top1": Tolerance(max_drop=Drop(1, "pp"))})
CHANGE = Change("conv1 per channel", "2026-11-21", "abc")


def made(samples: int = 5000, regressed: int = 10, before: Baseline | None = None, change: Change = CHANGE) -> Baseline:
    return updated(judge(run(samples, regressed=regressed), RULES), RULES, before, change)


def test_a_baseline_holds_figures_outcomes_and_tolerances() -> None:
    found = made()
    record = found.records["int8/ort-cpu/top1"]
    assert (record.fp32, record.int8, record.discordant) == (0.75, 0.75, (10, 10))
    assert record.outcomes is not None
    assert record.outcomes.mean() == record.int8
    assert record.calibration == {"method": "int8", "n": "64"}
    assert (found.reason, found.commit, found.tolerances) == ("conv1 per channel", "abc", RULES.tolerances)


def test_models_that_the_run_lacks_are_kept() -> None:
    reference, candidate = hits(5000, right=3750, regressed=5, fixed=5)
    other = of((outcome("other", reference, candidate),), 5000)
    assert set(updated(judge(other, RULES), RULES, made(), CHANGE).records) == {
        "int8/ort-cpu/top1",
        "other/ort-cpu/top1",
    }


def test_it_does_not_change_without_a_reason() -> None:
    with pytest.raises(UsageError, match="without a reason"):
        made(change=replace(CHANGE, reason=" "))


def test_a_run_that_fails_is_taken_by_force_only() -> None:
    with pytest.raises(GateError, match="a run that fails") as refusal:
        made(regressed=200)
    assert int(refusal.value.exit_code) == 1
    assert made(regressed=200, change=replace(CHANGE, force=True)).records["int8/ort-cpu/top1"].int8 < 0.75


def test_a_run_that_shows_nothing_is_taken_by_force_only() -> None:
    with pytest.raises(TooLittleError, match="not shown to pass"):
        made(samples=300)
    assert made(samples=300, change=replace(CHANGE, force=True)).dataset.samples == 300


def test_other_samples_are_meant_or_refused() -> None:
    with pytest.raises(ArtifactError, match="of another data set"):
        made(samples=6000, before=made())
    assert made(samples=6000, before=made(), change=replace(CHANGE, new_dataset=True)).dataset.samples == 6000
