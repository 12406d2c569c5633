"""The baseline on disk: whole, canonical, and refused when it is anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.comparison.proportions import paired_difference
from quantkit.core.comparison import Interval, Latency
from quantkit.core.errors import ArtifactError, TooLittleError
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.gate import stored_outcomes
from quantkit.gate.baseline import Baseline, DataSet, Record, Timing
from quantkit.gate.baseline_file import load, save
from quantkit.gate.evidence import turned

LATENCIES = (Latency(2.5, 3.0, 100, 1, 5), Latency(1.0, 1.2, 100, 1, 5))


def baseline(samples: int = 5000) -> Baseline:
    """Of as many samples, which are a multiple of 5,000."""
    generator = np.random.default_rng(4)
    regressed, fixed = 81 * samples // 5000, 67 * samples // 5000
    graded_outcomes = generator.normal(30, 1, samples)
    graded_outcomes[7] = np.inf
    right = Record(
        fp32=0.7646,
        int8=0.7618,
        unit="share",
        drop=turned(paired_difference(regressed, fixed, samples)),
        discordant=(regressed, fixed),
        outcomes=generator.permutation(np.arange(samples) < 0.7618 * samples - 0.5),
        calibration={"method": "entropy"},
        environment={"onnxruntime": "1.31.1"},
    )
    graded = Record(fp32=30.1, int8=float("inf"), unit="dB", outcomes=graded_outcomes)
    return Baseline(
        updated="2026-11-21",
        reason="switch conv1 to per-channel",
        commit="",
        dataset=DataSet("val", samples, "a" * 64),
        records={"net/ort-cpu/top1": right, "net/ort-cpu/psnr": graded, "net/ort-cpu/map": Record(0.4, 0.39)},
        tolerances={"top1": Tolerance(0.99), "psnr": Tolerance(max_drop=Drop(0.5, "dB"))},
        timings={"net/ort-cpu": Timing(*LATENCIES, {"isa": "avx2"}, {"p50": Interval(0.4, 0.39, 0.42, 0.95, "order")})},
    )


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    save(baseline(), path)
    assert load(path) == baseline()
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_figures_tolerances_and_latency_stand_in_the_file_as_people_read_them(tmp_path: Path) -> None:
    save(baseline(), tmp_path / "quantkit.baseline.json")
    document = json.loads((tmp_path / "quantkit.baseline.json").read_text())
    check = document["checks"]["net/ort-cpu/top1"]
    assert (check["fp32"], check["int8"], check["drop"]) == (0.7646, 0.7618, 14 / 5000)
    assert check["drop_ci95"] == pytest.approx([-0.0020, 0.0076], abs=2e-4)
    assert check["discordant"] == [81, 67]
    assert document["tolerance"] == {"psnr": {"max_drop": "0.5dB"}, "top1": {"min_ratio": 0.99}}
    assert document["latency"]["net/ort-cpu"]["int8"]["p50_ms"] == 1.0


def test_a_latency_from_before_ratios_is_read(tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    save(baseline(), path)
    document = json.loads(path.read_text())
    del document["latency"]["net/ort-cpu"]["ratios"]
    path.write_text(json.dumps(document))
    assert load(path).timings == {"net/ort-cpu": Timing(*LATENCIES, {"isa": "avx2"})}


def test_a_file_written_by_hand_needs_no_more_than_the_figures(tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    path.write_text(
        json.dumps(
            {
                "schema": "quantkit.baseline/1",
                "updated": "2026-11-21",
                "reason": "first",
                "commit": "",
                "dataset": {"id": "val", "n": 5000, "manifest_sha256": "a" * 64},
                "checks": {"net/ort-cpu/top1": {"fp32": 0.76, "int8": 0.75}},
                "tolerance": {"top1": {"min_ratio": 0.99}},
            }
        )
    )
    found = load(path)
    assert found.records["net/ort-cpu/top1"] == Record(0.76, 0.75)
    assert found.tolerances == {"top1": Tolerance(0.99)}


def test_equal_baselines_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        save(baseline(20_000), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    first = (tmp_path / "a.json").read_text()
    assert first.replace("a.npz", "b.npz") == (tmp_path / "b.json").read_text()
    assert first.endswith("}\n")


def test_large_outcomes_lie_beside_and_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    save(baseline(20_000), path)
    assert path.stat().st_size < 8_000
    assert load(path) == baseline(20_000)


def test_50000_samples_right_or_wrong_fit_the_file_itself(tmp_path: Path) -> None:
    outcomes = np.random.default_rng(1).random(50_000) < 0.76
    assert len(stored_outcomes.written(outcomes)["data"]) < 9_000


@given(st.lists(st.booleans(), max_size=70))
def test_bits_come_back_as_they_were(bits: list[bool]) -> None:
    values = np.array(bits, np.bool_)
    entry = stored_outcomes.written(values)
    assert np.array_equal(stored_outcomes.read(entry, len(bits)), values)


def test_a_missing_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(TooLittleError, match="there is no baseline") as refusal:
        load(tmp_path / "none.json")
    assert any("baseline update" in hint for hint in refusal.value.hints)


def outcomes(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["checks"]["net/ort-cpu/top1"]["outcomes"]
    return found


def ratio(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["latency"]["net/ort-cpu"]["ratios"]["p50"]
    return found


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "another schema": lambda found: found.update(schema="quantkit.baseline/2"),
    "no checks": lambda found: found.pop("checks"),
    "a text for a number": lambda found: found["checks"]["net/ort-cpu/top1"].update(fp32="much"),
    "other outcomes": lambda found: outcomes(found).update(sha256="0" * 64),
    "outcomes of more samples": lambda found: found["dataset"].update(n=5001 * 8),
    "outcomes that are no base64": lambda found: outcomes(found).update(data="#"),
    "outcomes that are not compressed": lambda found: outcomes(found).update(data="AAAA"),
    "an unknown encoding": lambda found: outcomes(found).update(enc="pickle"),
    "a tolerance of nothing": lambda found: found.update(tolerance={"top1": {"min_ratio": None, "max_drop": None}}),
    "a sidecar elsewhere": lambda found: found.update(outcomes={"file": "../x.npz", "sha256": "0" * 64}),
    "a drop without bounds": lambda found: found["checks"]["net/ort-cpu/top1"].pop("drop_ci95"),
    "bounds at no level": lambda found: found["checks"]["net/ort-cpu/top1"].update(drop_ci0=[0.0, 0.1]),
    "a tolerance that nobody can ask for": lambda found: found.update(tolerance={"top1": {"min_ratio": 99}}),
    "a tolerance that is no drop": lambda found: found.update(tolerance={"top1": {"max_drop": "much"}}),
    "a latency of text": lambda found: found["latency"]["net/ort-cpu"]["int8"].update(p50_ms="1"),
    "a ratio outside its interval": lambda found: ratio(found).update(low=0.41),
    "a ratio of nothing": lambda found: ratio(found).update(low=0, estimate=0),
    "a negative count": lambda found: found["dataset"].update(n=-1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_refused(damage: Callable[[dict[str, Any]], object], tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    save(baseline(), path)
    document = json.loads(path.read_text())
    damage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="not a usable baseline"):
        load(path)


@given(content=st.binary(max_size=60))
def test_any_bytes_are_a_baseline_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "quantkit.baseline.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a usable baseline"):
        load(path)


def test_a_file_beside_that_belongs_to_another_baseline_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    save(baseline(20_000), path)
    path.with_suffix(".npz").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(ArtifactError, match="not a usable baseline"):
        load(path)
    path.with_suffix(".npz").unlink()
    with pytest.raises(ArtifactError, match="not a usable baseline"):
        load(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "an empty file"),
        (b"\x08\x0a\x12\x07pytorch", "an ONNX model"),
        (b'{"schema": "quantkit.run/1"}', "a run"),
        (b'{"name": "net"}', "a JSON document that quantkit did not write"),
    ],
    ids=["empty", "onnx", "run", "foreign"],
)
def test_another_file_in_its_place_is_called_what_it_is(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "quantkit.baseline.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=f"not a usable baseline: this is {says}\n") as refusal:
        load(path)
    assert (refusal.value.code, refusal.value.where) == ("QK6011", str(path))
