"""The whole job, on the digits that come with the project."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantkit.core.calibration import Calibration

Command = Callable[..., Any]

ALL_FILES = [
    "entropy.qcal.json",
    "layers.json",
    "max.qcal.json",
    "model.entropy.int8.onnx",
    "model.max.int8.onnx",
    "report.html",
    "report.md",
    "run.json",
    "samples.jsonl",
    "statistics.safetensors",
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_whole_job_leaves_statistics_ranges_models_run_and_report(finished: Path) -> None:
    assert names(finished) == ALL_FILES
    assert names(finished.parent) == ["out"]


def test_both_rules_are_compared_with_fp32_on_every_evaluation_sample(finished: Path) -> None:
    run = json.loads((finished / "run.json").read_text())
    assert run["command"].startswith("quantkit calibrate ")
    assert run["leads"][-1]["name"] == "max"
    assert run["leads"][-1]["shown"]
    assert [entry["subject"]["name"] for entry in run["candidates"]] == ["max", "entropy"]
    assert run["samples"] == {"count": 900, "labelled": True}
    assert len((finished / "samples.jsonl").read_text().splitlines()) == 900


def test_the_result_is_the_table_and_the_files(command: Command, job: list[str]) -> None:
    result = command(*job, "--output", "out", "--method", "max")
    assert result.exit_code == 0
    assert "FP32 against max on 64 samples" in result.output
    assert "out/run.json" in result.output
    assert "calibrating: 64 samples in" in result.notes


def test_quiet_gives_nothing_but_the_files(command: Command, job: list[str]) -> None:
    result = command(*job, "--output", "out", "--until", "model", "-q")
    assert result.output.splitlines() == [
        "out/statistics.safetensors",
        "out/max.qcal.json",
        "out/entropy.qcal.json",
        "out/model.max.int8.onnx",
        "out/model.entropy.int8.onnx",
    ]
    assert "calibrating" not in result.notes


def test_json_is_one_document_with_everything(command: Command, job: list[str]) -> None:
    document = command(*job, "--output", "out", "--json").document
    assert (document["ok"], document["command"], document["samples"]) == (True, "calibrate", 64)
    assert document["rules"]["max"]["rule"] == "max"
    assert document["run"]["schema"] == "quantkit.run/1"
    assert all(Path(path).exists() for path in document["files"])


@pytest.mark.parametrize(
    ("stage", "last"),
    [
        ("statistics", "statistics.safetensors"),
        ("thresholds", "entropy.qcal.json"),
        ("model", "model.entropy.int8.onnx"),
    ],
)
def test_a_job_may_end_after_each_stage(command: Command, job: list[str], stage: str, last: str) -> None:
    document = command(*job, "--output", "out", "--until", stage, "--json").document
    assert document["files"][-1] == f"out/{last}"
    assert names(Path("out")) == sorted(Path(path).name for path in document["files"])
    assert document["run"] is None


def test_neither_batch_size_nor_threads_change_a_range(command: Command, job: list[str]) -> None:
    for folder, options in {"a": ["--batch-size", "1"], "b": ["--batch-size", "7", "--threads", "1"]}.items():
        assert command(*job, "--until", "thresholds", "--output", folder, *options).exit_code == 0
    assert Path("a/entropy.qcal.json").read_bytes() == Path("b/entropy.qcal.json").read_bytes()


def test_shards_add_up_to_the_whole(command: Command, job: list[str]) -> None:
    for part in (1, 2, 3):
        result = command(*job, "--shard", f"{part}/3", "--until", "statistics", "--output", f"part{part}")
        assert result.exit_code == 0, result.notes
    parts = [f"part{part}/statistics.safetensors" for part in (3, 1, 2)]
    assert command("merge", *parts, "-o", "all.safetensors").exit_code == 0
    command(*job, "--until", "thresholds", "--output", "whole")
    merged = [job[1], "--statistics", "all.safetensors", "--until", "thresholds", "--output", "merged"]
    assert command("calibrate", *merged).exit_code == 0
    assert Path("merged/entropy.qcal.json").read_bytes() == Path("whole/entropy.qcal.json").read_bytes()


def test_another_rule_needs_the_statistics_and_no_data(command: Command, finished: Path, digits: Path) -> None:
    statistics = finished / "statistics.safetensors"
    words = ["calibrate", digits / "model.onnx", "--statistics", statistics, "--method", "mse", "--until", "model"]
    assert command(*words, "--output", "out").exit_code == 0
    assert "model.mse.int8.onnx" in names(Path("out"))


def test_without_evaluation_data_everybody_is_told(command: Command, job: list[str]) -> None:
    result = command(*job, "--output", "out")
    assert "warning: no --eval: compared on the calibration data itself" in result.notes
    assert "no --eval: compared on the calibration data itself" in result.output
    assert "accuracy is unknown" in Path("out/report.md").read_text()
    metrics = json.loads(Path("out/run.json").read_text())["candidates"][0]["metrics"]
    assert "top1" not in [metric["metric"] for metric in metrics]


def test_evaluating_on_calibration_samples_is_noticed(command: Command, job: list[str], digits: Path) -> None:
    result = command(*job, "--eval", digits / "calib", "--output", "out")
    assert result.exit_code == 0
    said = "64 of 256 evaluation samples were also calibrated on"
    assert " ".join(result.output.split()).count(said) == 1
    assert result.notes.count(f"warning: {said}") == 1
    # Before any figure of accuracy.
    assert said in Path("out/report.md").read_text().partition("What this shows**")[2].strip().splitlines()[0]


def test_a_tensor_may_have_a_rule_of_its_own(command: Command, job: list[str]) -> None:
    tensor = next(iter(Calibration.load(ranges(command, job, "a")).tensors))
    changed = Calibration.load(ranges(command, job, "b", "--override", f"{tensor}=max"))
    rules = {name: entry.rule for name, entry in changed.tensors.items()}
    assert rules.pop(tensor) == "max"
    assert set(rules.values()) == {"entropy"}


def ranges(command: Command, job: list[str], folder: str, *options: str) -> Path:
    result = command(*job, "--until", "thresholds", "--output", folder, *options)
    assert result.exit_code == 0, result.notes
    return Path(folder) / "entropy.qcal.json"


def test_an_exception_for_no_tensor_is_refused_before_the_work(command: Command, job: list[str]) -> None:
    result = command(*job, "--output", "out", "--override", "no such*=max")
    assert result.exit_code == 2
    assert "no tensor is called 'no such*'" in result.notes
    assert not Path("out").exists()


def test_the_share_that_percentile_keeps_can_be_said(command: Command, job: list[str]) -> None:
    options = ["--method", "percentile", "--percentile", "99.5", "--until", "thresholds", "--output", "out"]
    assert command(*job, *options).exit_code == 0
    assert Calibration.load("out/percentile.qcal.json").rule == "percentile(keep=99.5)"


def test_a_dry_run_says_what_would_be_and_does_nothing(command: Command, job: list[str], tmp_path: Path) -> None:
    result = command(*job, "--output", "out", "--dry-run")
    assert result.exit_code == 0
    assert "64 samples" in result.output
    assert "model.entropy.int8.onnx" in result.output
    assert names(tmp_path) == []


def test_noise_is_marked_as_such_for_good(command: Command, digits: Path) -> None:
    result = command("calibrate", digits / "model.onnx", "--synthetic", "32", "--until", "thresholds", "-o", "out")
    assert result.exit_code == 0
    assert Calibration.load("out/max.qcal.json").provenance.synthetic


def test_for_tensorrt_ranges_are_symmetric_and_speed_is_not_claimed(
    command: Command, job: list[str], digits: Path
) -> None:
    assert command(*job, "--target", "tensorrt", "--output", "out").exit_code == 0
    calibration = Calibration.load("out/max.qcal.json")
    assert calibration.symmetric
    run = json.loads(Path("out/run.json").read_text())
    assert run["candidates"][0]["subject"]["latency"] is None
    (note,) = (note for note in run["notes"] if "TensorRT" in note)
    assert note.endswith("which shows what they cost in accuracy, not the speed")


def test_results_are_not_overwritten_unless_that_is_meant(command: Command, job: list[str]) -> None:
    words = [*job, "--until", "statistics", "--output", "out"]
    assert command(*words).exit_code == 0
    refusal = command(*words)
    assert refusal.exit_code == 2
    assert "out is there already" in refusal.notes
    assert command(*words, "--force").exit_code == 0


def test_the_output_is_named_after_the_model_when_nobody_names_it(command: Command, job: list[str]) -> None:
    assert command(*job, "--until", "statistics").exit_code == 0
    assert names(Path("model-int8")) == ["statistics.safetensors"]


def test_a_configuration_file_can_hold_the_whole_job(command: Command, digits: Path, tmp_path: Path) -> None:
    shutil.copytree(digits / "calib", tmp_path / "jobs" / "calib")
    shutil.copy(digits / "model.onnx", tmp_path / "jobs" / "net.onnx")
    shutil.copy(digits / "preprocess.toml", tmp_path / "jobs" / "own.toml")
    (tmp_path / "jobs" / "job.toml").write_text(
        'model = "net.onnx"\ndata = "calib"\npreprocess = "own.toml"\noutput = "out"\n'
        '[calibrate]\nmethod = ["max"]\nuntil = "thresholds"\nmax-samples = 32\n'
    )
    assert command("calibrate", "--config", "jobs/job.toml").exit_code == 0
    assert names(tmp_path / "jobs" / "out") == ["max.qcal.json", "statistics.safetensors"]


@pytest.mark.parametrize(
    ("options", "exit_code", "says"),
    [
        pytest.param(["--shard", "1/2"], 2, "sees a part of the data", id="thresholds of a shard"),
        pytest.param(["--bins", "99"], 2, "use one of 256, 512", id="bins that no rule has"),
        pytest.param(["--output", "out.onnx"], 2, "is the name of a file", id="a model as output"),
        pytest.param(["--synthetic", "8"], 2, "--data and --synthetic are given", id="two sources"),
        pytest.param(["--sample-fraction", "0.5"], 2, "max_samples and sample_fraction", id="two sizes of a subset"),
        pytest.param(["--exclude-ops", "Covn"], 2, "did you mean 'Conv'?", id="an operator that is not there"),
        pytest.param(["--shapes", "imgae:1x1x32x32"], 2, "did you mean 'image'?", id="an input that is not there"),
        pytest.param(["--eval", "nowhere"], 3, "nowhere", id="no evaluation data"),
        pytest.param(["--output", "out.json"], 2, "out.json", id="a file as output"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_work(
    command: Command, job: list[str], options: list[str], exit_code: int, says: str
) -> None:
    Path("out.json").write_text("{}")
    result = command(*job, *options)
    assert result.exit_code == exit_code
    assert says in result.notes
    assert "calibrating" not in result.notes
    assert names(Path()) == ["out.json"]


def test_statistics_without_evaluation_need_a_stage_to_stop_at(command: Command, finished: Path, digits: Path) -> None:
    refusal = command("calibrate", digits / "model.onnx", "--statistics", finished / "statistics.safetensors")
    assert refusal.exit_code == 2
    assert "leaves nothing to compare the models on" in refusal.notes


def test_too_few_samples_are_refused_and_nothing_is_left(command: Command, job: list[str], tmp_path: Path) -> None:
    words = [*job[:-1], "4", "--until", "thresholds", "--output", "out"]
    refusal = command(*words)
    assert refusal.exit_code == 3
    assert "--allow-few" in refusal.notes
    assert names(tmp_path) == []
    assert command(*words, "--allow-few").exit_code == 0


def test_sizes_that_the_model_leaves_open_are_asked_for(command: Command, digits: Path) -> None:
    refusal = command("calibrate", digits / "model.onnx", "--synthetic", "16", "--shapes", "image:1x1x64x64")
    assert refusal.exit_code == 2
    assert "only free dimensions can be given a size" in refusal.notes
