"""What INT8 cost."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_models_go_by_their_names_and_figures_come_with_them(command: Command, finished: Path, digits: Path) -> None:
    result = command(
        *("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", digits / "eval"),
        *("--preprocess", digits / "preprocess.toml", "--metric", "top1", "--no-latency", "-o", "nightly.json"),
    )
    assert result.exit_code == 0, result.notes
    assert "FP32 against model.max.int8 on 900 samples" in result.output
    run = json.loads(Path("nightly.json").read_text())
    assert [metric["metric"] for metric in run["candidates"][0]["metrics"]] == ["top1"]
    assert Path("nightly.samples.jsonl").exists()
    assert shlex.split(run["command"])[:3] == ["quantkit", "compare", str(digits / "model.onnx")]
    assert run["command"].endswith("--no-latency -o nightly.json")


def test_a_metric_that_does_not_apply_is_refused(command: Command, finished: Path, digits: Path) -> None:
    unlabelled = Path("flat")
    unlabelled.mkdir()
    for image in sorted((digits / "eval" / "3").iterdir())[:20]:
        shutil.copy(image, unlabelled)
    refusal = command(
        *("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", unlabelled),
        *("--preprocess", digits / "preprocess.toml", "--metric", "top1"),
    )
    assert refusal.exit_code == 2
    assert "the metric 'top1' does not apply" in refusal.notes
    assert not Path("run.json").exists()


def test_labels_that_look_wrong_are_told_before_any_figure_is_judged(
    command: Command, finished: Path, digits: Path
) -> None:
    images = sorted(path for path in (digits / "eval").rglob("*.png"))[::9]
    rows = [f"{path.relative_to(digits / 'eval').as_posix()},{(int(path.parent.name) + 1) % 10}" for path in images]
    Path("labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    for path in images:
        to = Path("eval") / path.relative_to(digits / "eval")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    result = command(
        *("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", "eval"),
        *("--labels", "labels.csv", "--no-latency"),
    )
    assert result.exit_code == 0, result.notes
    assert "warning: the reference is right on 0 of 100 samples" in result.notes
    conclusions = result.output.partition("What this shows")[2].splitlines()
    assert conclusions[1].startswith("- the reference is right on 0 of 100 samples")


def test_images_are_prepared_as_the_int8_model_was_calibrated_unless_told_otherwise(
    command: Command, finished: Path, digits: Path
) -> None:
    words = ("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", digits / "eval")
    more = ("--max-samples", "40", "--no-latency", "--json")
    implied = command(*words, *more, "-o", "a.json")
    told = command(*words, *more, "-o", "b.json", "--preprocess", digits / "preprocess.toml")
    assert "images are prepared as they were for the calibration" in implied.notes
    assert "prepared" not in told.notes
    assert implied.document["run"]["data"] == told.document["run"]["data"]
    assert implied.document["run"]["samples"]["count"] == 40


def test_a_dry_run_checks_and_writes_nothing(command: Command, finished: Path, digits: Path) -> None:
    words = ("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", digits / "eval")
    document = command(*words, "--dry-run", "--json").document
    assert (document["samples"], document["candidates"]) == (900, ["model.max.int8"])
    assert list(Path().iterdir()) == []


def test_samples_that_calibrated_the_model_are_noticed_long_after(
    command: Command, finished: Path, digits: Path
) -> None:
    for part, count in (("calib", 8), ("eval", 2)):
        for digit in (digits / part).iterdir():
            for image in sorted(digit.iterdir())[:count]:
                to = Path("mixed") / digit.name / f"{part}{image.name}"
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(image, to)
    words = ("compare", digits / "model.onnx", finished / "model.max.int8.onnx", "--data", "mixed", "--no-latency")
    result = command(*words)
    assert result.exit_code == 0, result.notes
    count = json.loads(Path("run.json").read_text())["candidates"][0]["subject"]["provenance"]["calibrated_on"]
    said = f"{count} of 100 evaluation samples were also calibrated on, such as "
    assert 0 < int(count) <= 64
    assert f"warning: {said}" in result.notes
    assert said in " ".join(result.output.partition("What this shows")[2].split())
    refusal = command("check", "run.json")
    assert refusal.exit_code == 3
    assert f"error[QK6009]: {count} of 100 evaluated samples were also calibrated on" in refusal.notes
    assert "calibrate or compare again without them: --exclude-samples GLOB" in refusal.notes
