"""Which plans are let in, and on whose word; what comes of them is in tests/unit/cli/work/comparing/test_contest.py."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from quantkit.backends.tensorrt import plan
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.backends.tensorrt.plan import Machine, PlanRecord
from quantkit.core.errors import ArtifactError
from quantkit.core.sample_hashes import SampleHashes
from quantkit.graph.model import from_proto
from quantkit.pipeline.plans import Contest, admitted
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.small_models import Source, images, network

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


@pytest.mark.parametrize("trust", [False, True])
def test_it_says_which_samples_it_was_calibrated_on(kept: Path, trust: bool) -> None:
    assert admitted(kept, trust=trust).calibrated is None
    hashes = SampleHashes.of(["11"])
    plan.save(CONTENT, kept, replace(plan.record(kept), sample_hashes=hashes))
    assert admitted(kept, trust=trust).calibrated == hashes


def test_every_model_that_is_built_says_which_one_it_is() -> None:
    told: list[str] = []
    models = {name: from_proto(network(seed=seed)) for seed, name in enumerate(("FP32", "other"))}
    with fakes.installed():
        fakes.tell_of_builds()
        contest = Contest.opened(models, BuildOptions(batch=8), progress=told.append)
        contest.compared(Source(images(8), 8), latency=False)
    assert told == ["engine 1 of 2: building", "engine 2 of 2: building"]


def test_no_word_makes_up_for_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="QK3202"):
        admitted(tmp_path / "none.plan", trust=True)
