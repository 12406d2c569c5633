"""Cases 70, 71 and 72 of the catalogue: baselines, runs that show nothing, hostile strings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantkit.core import run as stored
from quantkit.core.comparison import Comparison, Coverage, NodeCoverage
from tests.command_line import ran
from tests.gate_runs import graded, run


@pytest.fixture
def folder(own_folder: Path) -> Path:
    stored.save(run(5000), "run.json")
    assert ran("baseline", "update", "run.json", "--reason", "first").exit_code == 0
    return own_folder


def edited(change: Callable[[dict[str, object]], object]) -> None:
    path = Path("quantkit.baseline.json")
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_70_a_missing_baseline_is_5_and_says_how_to_make_one(folder: Path) -> None:
    ended = ran("check", "run.json", "--baseline", "none.json")
    assert ended.exit_code == 5
    assert "error[QK6010]" in ended.notes
    assert "quantkit baseline update" in ended.notes


def test_70_a_baseline_of_another_schema_is_3(folder: Path) -> None:
    edited(lambda document: document.update(schema="quantkit.baseline/9"))
    ended = ran("check", "run.json", "--baseline", "quantkit.baseline.json")
    assert ended.exit_code == 3
    assert "quantkit.baseline/9" in ended.notes


def test_70_a_baseline_of_another_data_set_is_3(folder: Path) -> None:
    stored.save(run(4000), "other.json")
    ended = ran("check", "other.json", "--baseline", "quantkit.baseline.json")
    assert ended.exit_code == 3
    assert "5000 samples then, 4000 now" in ended.notes
    assert ran("baseline", "verify", "other.json").exit_code == 3
    assert ran("baseline", "update", "other.json", "--reason", "more").exit_code == 3


def test_70_a_baseline_whose_figures_were_edited_is_3(folder: Path) -> None:
    assert ran("baseline", "verify").exit_code == 0
    edited(lambda document: document["checks"]["int8/ort-cpu/top1"].update(int8=0.99))  # type: ignore[index]
    for words in (["baseline", "verify"], ["check", "run.json", "--baseline", "quantkit.baseline.json"]):
        ended = ran(*words)
        assert ended.exit_code == 3
        assert "int8/ort-cpu/top1: int8 is stored as 0.99; what is stored beside it makes 0.75" in ended.notes


def test_70_a_file_beside_a_baseline_that_is_not_its_own_is_3(folder: Path) -> None:
    values = np.random.default_rng(0).normal(30, 1, (2, 9000))
    limits = ("--max-drop", "quality=50dB", "--force")
    stored.save(graded(values[0], values[0]), "graded.json")
    words = ("baseline", "update", "graded.json", "--reason", "graded", *limits, "--baseline")
    assert ran(*words, "graded.baseline.json").exit_code == 0
    beside = Path("graded.baseline.npz")
    kept = beside.read_bytes()
    stored.save(graded(values[1], values[1]), "graded.json")
    assert ran(*words, "other.baseline.json").exit_code == 0
    beside.write_bytes(Path("other.baseline.npz").read_bytes())
    assert ran("baseline", "verify", "--baseline", "graded.baseline.json").exit_code == 3
    beside.write_bytes(kept)
    assert ran("baseline", "verify", "--baseline", "graded.baseline.json").exit_code == 0


def test_53_another_kind_of_file_in_place_of_a_run_is_called_what_it_is(folder: Path) -> None:
    Path("model.onnx").write_bytes(b"\x08\x0a\x12\x07pytorch:\x00")
    for file, says in (("model.onnx", "an ONNX model"), ("quantkit.baseline.json", "a baseline")):
        ended = ran("check", file)
        assert ended.exit_code == 3
        assert f"not a usable run: this is {says}" in ended.notes
        assert "run.json that quantkit compare or calibrate writes" in ended.notes


def test_70_a_baseline_from_other_instructions_warns(folder: Path) -> None:
    elsewhere = {"onnxruntime": "1.31.1", "isa": "avx2"}
    stored.save(run(5000, regressed=500, environment=elsewhere), "avx2.json")
    words = ("check", "avx2.json", "--baseline", "quantkit.baseline.json", "--max-drop", "top1=50pp", "--json")
    assert ran(*words).exit_code == 0
    stored.save(run(5000, regressed=20, fixed=10, environment=elsewhere), "avx2.json")
    strict = (*words[:4], "--max-drop", "top1=0.3pp", "--json")
    document = json.loads(ran(*strict).output)
    assert [check["advisory"] for check in document["checks"]] == [False, True]
    assert "another environment" in document["notes"][0]
    assert ran(*strict, "--fail-on", "warning").exit_code == 1


@pytest.mark.parametrize(
    ("comparison", "exit_code", "code"),
    [
        (replace(run(), samples=(), labels=None, candidates=()), 5, "QK6001"),
        (run(right=0, regressed=0, fixed=0), 5, "QK6004"),
    ],
    ids=["0 evaluation samples", "FP32 accuracy of 0"],
)
def test_71_a_run_that_shows_nothing(comparison: Comparison, exit_code: int, code: str, tmp_path: Path) -> None:
    stored.save(comparison, tmp_path / "run.json")
    ended = ran("check", tmp_path / "run.json")
    assert ended.exit_code == exit_code
    assert f"error[{code}]" in ended.notes


def test_71_a_metric_that_is_nan_is_3(tmp_path: Path) -> None:
    made = run()
    metrics = (replace(made.candidates[0].metrics[0], candidate=float("nan")),)
    stored.save(replace(made, candidates=(replace(made.candidates[0], metrics=metrics),)), tmp_path / "run.json")
    ended = ran("check", tmp_path / "run.json")
    assert ended.exit_code == 3
    assert "error[QK6005]" in ended.notes


def test_71_a_model_with_no_node_in_int8_is_5(tmp_path: Path) -> None:
    made = run()
    subject = replace(made.candidates[0].subject, coverage=Coverage((NodeCoverage("conv", "Conv", "fp32"),)))
    stored.save(replace(made, candidates=(replace(made.candidates[0], subject=subject),)), tmp_path / "run.json")
    ended = ran("check", tmp_path / "run.json")
    assert ended.exit_code == 5
    assert "0 of 1 nodes run in integers" in ended.notes
    assert ran("check", tmp_path / "run.json", "--exit-zero").exit_code == 0


def test_71_too_few_samples_are_0_unless_proof_is_asked_for(tmp_path: Path) -> None:
    stored.save(run(200), tmp_path / "run.json")
    assert ran("check", tmp_path / "run.json").exit_code == 0
    for words in (["--require", "proven"], ["--fail-on", "inconclusive"]):
        ended = ran("check", tmp_path / "run.json", *words)
        assert ended.exit_code == 5
        assert "; need " in " ".join(ended.output.split())


HOSTILE = "]]>::set-output name=x::y|</script>\x1b[2J\u202e\n::error::"


def test_72_hostile_strings_reach_every_report_and_do_nothing_there(tmp_path: Path) -> None:
    made = run(5000, regressed=500)
    subject = replace(made.candidates[0].subject, name=HOSTILE, path=HOSTILE)
    stored.save(replace(made, candidates=(replace(made.candidates[0], subject=subject),)), tmp_path / "run.json")
    files = {flag: tmp_path / f"report.{flag}" for flag in ("junit", "md", "openmetrics", "annotations")}
    flags = [word for flag, path in files.items() for word in (f"--{flag}", path)]
    ended = ran("check", tmp_path / "run.json", *flags)
    assert ended.exit_code == 1
    texts = {flag: path.read_text() for flag, path in files.items()} | {"table": ended.output}
    for flag, text in texts.items():
        assert "\x1b" not in text
        assert "\u202e" not in text
        if flag != "annotations":
            assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert texts["annotations"].count("\n") == 1


def test_72_hostile_strings_in_a_baseline_are_shown_as_text(folder: Path) -> None:
    edited(lambda document: document.update(reason=HOSTILE))
    ended = ran("baseline", "show")
    assert ended.exit_code == 0
    assert "\x1b" not in ended.output
    assert not any(line.startswith("::") for line in ended.output.splitlines())
