"""Which plans are let in, and on whose word; what comes of them is in tests/unit/cli/test_contest.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from quantkit.backends.tensorrt import plan
from quantkit.backends.tensorrt.plan import Machine, PlanRecord
from quantkit.core.errors import ArtifactError
from quantkit.pipeline.plans import admitted

CONTENT = b"ftrt" + bytes(range(200))
DIGEST, MODEL = hashlib.sha256(CONTENT).hexdigest(), "ab" * 32


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    record = PlanRecord(DIGEST, Machine("8.5.3.1", "9.0", "NVIDIA H200"), MODEL, {})
    return plan.save(CONTENT, tmp_path / "model.plan", record).path


def test_a_recorded_plan_goes_by_the_model_that_it_was_built_from(kept: Path) -> None:
    found = admitted(kept)
    assert (found.digest, found.trusted) == (DIGEST, False)
    assert (found.file.digest, found.file.plan.digest) == (MODEL, DIGEST)


def test_without_its_record_it_is_let_in_on_somebodys_word_only(kept: Path) -> None:
    plan.sidecar(kept).unlink()
    with pytest.raises(ArtifactError, match="QK3271"):
        admitted(kept)
    found = admitted(kept, trust=True)
    assert found.trusted
    assert found.file.digest == DIGEST


def test_a_word_beside_a_good_record_loses_no_knowledge(kept: Path) -> None:
    found = admitted(kept, trust=True)
    assert (found.file.digest, found.file.trusted) == (MODEL, True)


def test_no_word_makes_up_for_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="QK3202"):
        admitted(tmp_path / "none.plan", trust=True)
