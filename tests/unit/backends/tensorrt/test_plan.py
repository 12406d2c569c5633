"""A plan is loaded only if its record says that it is the one that was built, here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from quantkit.backends.tensorrt import plan
from quantkit.backends.tensorrt.plan import Machine, PlanRecord
from quantkit.core.errors import ArtifactError, SetupError
from quantkit.core.sample_hashes import SampleHashes

HERE = Machine("8.5.3.1", "9.0", "NVIDIA H200")
CONTENT = b"ftrt" + bytes(range(200))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    record = PlanRecord(hashlib.sha256(CONTENT).hexdigest(), HERE, "ab" * 32, {"precision": "int8"})
    return plan.save(CONTENT, tmp_path / "model.plan", record).path


def test_what_was_saved_is_loaded(kept: Path) -> None:
    assert plan.load(kept, HERE) == CONTENT


def test_what_was_saved_is_what_its_record_describes(kept: Path) -> None:
    assert plan.verified(kept) == plan.record(kept)


def test_a_record_knows_the_samples_that_were_calibrated_on(kept: Path) -> None:
    assert "sample_hashes" not in json.loads(plan.sidecar(kept).read_text())
    record = replace(plan.record(kept), sample_hashes=SampleHashes.of(["11", "22"]))
    plan.save(CONTENT, kept, record)
    assert plan.verified(kept) == record
    document = json.loads(plan.sidecar(kept).read_text())
    document["sample_hashes"]["distinct"] = 3
    plan.sidecar(kept).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match=r"QK3273(.|\n)*2 hashes are not those of 3 contents"):
        plan.load(kept, HERE)


def test_another_gpu_of_the_same_kind_will_do_and_is_told(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert plan.load(kept, HERE) == CONTENT
    assert not caplog.text
    assert plan.load(kept, replace(HERE, gpu="NVIDIA H100")) == CONTENT
    assert "was built on NVIDIA H200: kernels chosen there may be slow on NVIDIA H100" in caplog.text


def test_a_plan_without_a_record_is_refused(kept: Path) -> None:
    plan.sidecar(kept).unlink()
    with pytest.raises(ArtifactError, match=r"QK3271.*no record model\.plan\.json(.|\n)*--trust-engine"):
        plan.load(kept, HERE)
    assert plan.load(kept, HERE, trust=True) == CONTENT


@pytest.mark.parametrize("at", [0, 100, len(CONTENT) - 1])
def test_one_flipped_bit_is_found(kept: Path, at: int) -> None:
    changed = bytearray(CONTENT)
    changed[at] ^= 1
    kept.write_bytes(changed)
    for read in (lambda: plan.load(kept, HERE), lambda: plan.verified(kept)):
        with pytest.raises(ArtifactError, match=r"QK3272.*not the plan that its record describes"):
            read()


@pytest.mark.parametrize(
    ("elsewhere", "told"),
    [
        (replace(HERE, tensorrt="10.3.0.26"), "TensorRT 8.5.3.1 there, 10.3.0.26 here"),
        (replace(HERE, compute_capability="8.6"), "compute capability 9.0 there, 8.6 here"),
    ],
    ids=["TensorRT", "GPU"],
)
def test_a_plan_of_another_machine_is_refused(kept: Path, elsewhere: Machine, told: str) -> None:
    with pytest.raises(SetupError, match=f"QK4027(.|\n)*{told}") as refusal:
        plan.load(kept, elsewhere)
    assert refusal.value.exit_code == 4


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{}",
        '{"schema": "other/1"}',
        "[" * 100_000,
        '{"schema": "quantkit.plan/1", "machine": 3}',
        '{"schema": "quantkit.plan/1", "machine": {"tensorrt": "1"}}',
    ],
    ids=lambda text: text[:40] or "empty",
)
def test_a_damaged_record_is_refused(kept: Path, damage: str) -> None:
    plan.sidecar(kept).write_text(damage)
    with pytest.raises(ArtifactError, match=r"QK3273.*model\.plan\.json is not the record of a plan"):
        plan.load(kept, HERE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": 3},
        {"scales": ["max"]},
        {"sha256": 5},
        {"machine": {"tensorrt": 8, "compute_capability": "9.0", "gpu": ""}},
    ],
    ids=str,
)
def test_a_record_of_other_types_is_refused(kept: Path, wrong: dict[str, object]) -> None:
    document = json.loads(plan.sidecar(kept).read_text())
    plan.sidecar(kept).write_text(json.dumps({**document, **wrong}))
    with pytest.raises(ArtifactError, match="QK3273"):
        plan.record(kept)


def test_an_unknown_key_in_a_record_is_refused(kept: Path) -> None:
    document = json.loads(plan.sidecar(kept).read_text())
    plan.sidecar(kept).write_text(json.dumps({**document, "trusted": True}))
    with pytest.raises(ArtifactError, match="QK3273"):
        plan.load(kept, HERE)


def test_a_plan_whose_record_did_not_follow_it_is_refused(kept: Path) -> None:
    """As after a crash between the two writes."""
    kept.write_bytes(CONTENT[::-1])
    with pytest.raises(ArtifactError, match="QK3272"):
        plan.load(kept, HERE)


def test_no_plan_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="QK3202"):
        plan.load(tmp_path / "none.plan", HERE)
