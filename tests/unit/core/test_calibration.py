"""A calibration as a file: what it says of its samples, and what it said before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quantkit.core.calibration import Calibration, Provenance, TensorCalibration
from quantkit.core.errors import ArtifactError
from quantkit.core.ranges import Range
from quantkit.core.sample_hashes import SampleHashes

HASHES = SampleHashes.of(["11", "22", "33"])
TENSORS = {"x": TensorCalibration(Range(-1.0, 1.0), Range(-2.0, 1.0), "mse", clipped=0.25, notes=("constant",))}
CALIBRATION = Calibration("mse", True, TENSORS, Provenance("a" * 64, 4, "b" * 64, sample_hashes=HASHES))
UNKNOWN = replace(CALIBRATION, provenance=replace(CALIBRATION.provenance, sample_hashes=None))


@pytest.mark.parametrize("calibration", [CALIBRATION, UNKNOWN], ids=["with hashes", "without"])
def test_what_is_saved_is_loaded(calibration: Calibration, tmp_path: Path) -> None:
    calibration.save(tmp_path / "x.qcal.json")
    assert Calibration.load(tmp_path / "x.qcal.json") == calibration


def test_a_calibration_without_hashes_is_the_text_that_it_always_was() -> None:
    """Models and runs name their calibration by the digest of it."""
    document = json.loads(UNKNOWN.to_json())
    assert document["schema"] == "quantkit.calibration/1"
    assert set(document["provenance"]) == {
        *("environment", "model", "preprocessing", "samples", "samples_digest", "synthetic")
    }
    with_hashes = json.loads(CALIBRATION.to_json())
    assert with_hashes["provenance"].pop("sample_hashes") == {"distinct": 3, "lowest": HASHES.lowest}
    assert with_hashes == document


@pytest.mark.parametrize(
    ("hashes", "message"),
    [
        ({"distinct": 3, "lowest": ""}, "0 hashes are not those of 3 contents"),
        ({"distinct": 3}, "KeyError: 'lowest'"),
        ("3", "TypeError"),
        ([HASHES.lowest], "TypeError"),
        ({"distinct": 4, "lowest": SampleHashes.of("abcde").lowest}, "5 hashes are not those of 4"),
        ({"distinct": 5, "lowest": SampleHashes.of("abcde").lowest}, "4 samples have no 5 contents"),
    ],
    ids=["cut off", "incomplete", "text", "list", "miscounted", "more than samples"],
)
def test_damaged_hashes_are_refused(hashes: Any, message: str, tmp_path: Path) -> None:
    document = json.loads(CALIBRATION.to_json())
    document["provenance"]["sample_hashes"] = hashes
    (tmp_path / "x.qcal.json").write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match=f"QK3221(.|\n)*{message}") as refusal:
        Calibration.load(tmp_path / "x.qcal.json")
    assert refusal.value.where == str(tmp_path / "x.qcal.json")


def test_it_says_where_its_ranges_were_chosen_for_other_codes() -> None:
    assert CALIBRATION.chosen_otherwise(symmetric=True) == ""
    assert "by mse were chosen for codes without a zero point" in CALIBRATION.chosen_otherwise(symmetric=False)
    affine = replace(CALIBRATION, symmetric=False)
    assert "these codes have none: calibrate with --target tensorrt" in affine.chosen_otherwise(symmetric=True)
    largest = replace(affine, tensors={"x": replace(TENSORS["x"], rule="max")})
    assert largest.chosen_otherwise(symmetric=True) == ""
