"""The public names as a newcomer in a notebook misuses them: every mistake is told with a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.core.errors import QuantkitError, UsageError
from tests.fake_comparison import comparison


@pytest.fixture(scope="module")
def held(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a notebook holds after the first cells."""
    model = digits / "model.onnx"
    data = np.random.default_rng(0).random((8, 1, 32, 32), dtype=np.float32)
    statistics = quantkit.collect(model, data)
    calibration = quantkit.calibrate_ranges(statistics, "max")
    folder = tmp_path_factory.mktemp("notebook")
    int8 = quantkit.quantize(model, calibration, to=folder / "int8.onnx")
    return {
        "model": model,
        "proto": onnx.load(model),
        "data": data,
        "statistics": statistics,
        "calibration": calibration,
        "int8": int8,
        "comparison": comparison(),
        "folder": folder,
    }


MISUSES: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "rules in a list": (
        lambda its: quantkit.calibrate_ranges(its["statistics"], ["max"]),  # type: ignore[arg-type]
        "calibrator is a list, not a string or a Calibrator",
        "'entropy'",
    ),
    "a path for statistics": (
        lambda its: quantkit.calibrate_ranges("statistics.safetensors"),  # type: ignore[arg-type]
        "statistics is 'statistics.safetensors', not a Statistics",
        r"quantkit.Statistics.load\(path\)",
    ),
    "layer errors of data and model swapped": (
        lambda its: quantkit.layer_errors(its["model"], its["data"], its["int8"]),
        "candidate is a ndarray, not an Artifact or a Model or a path",
        "quantkit.quantize",
    ),
    "options as a dict": (
        lambda its: quantkit.layer_errors(its["model"], its["int8"], its["data"], how={"samples": 3}),  # type: ignore[arg-type]
        "how is a dict, not a Tracing",
        r"quantkit.Tracing\(...\)",
    ),
    "options of another function": (
        lambda its: quantkit.compare(its["model"], its["int8"], its["data"], how=quantkit.Tracing()),  # type: ignore[arg-type]
        "how is a Tracing, not a Comparing",
        r"quantkit.Comparing\(...\)",
    ),
    "a protobuf for a model": (
        lambda its: quantkit.collect(its["proto"], its["data"]),
        "model is a ModelProto, not a Model or a path",
        "onnx.save",
    ),
    "a path for a calibration": (
        lambda its: quantkit.quantize(its["model"], "max.qcal.json", to="int8.onnx"),  # type: ignore[arg-type]
        "calibration is 'max.qcal.json', not a Calibration",
        r"quantkit.Calibration.load\(path\)",
    ),
    "names of nodes in a list": (
        lambda its: quantkit.quantize(its["model"], its["calibration"], to="int8.onnx", exclude=["/head"]),  # type: ignore[arg-type]
        "exclude is a list, not an Exclusion",
        r"quantkit.Exclusion\(nodes=",
    ),
    "one name as a string": (
        lambda its: quantkit.Exclusion(nodes="/head"),  # type: ignore[arg-type]
        "nodes is '/head', not a tuple of strings",
        r"\('/head',\)",
    ),
    "candidates in a list": (
        lambda its: quantkit.compare(its["model"], [its["int8"]], its["data"]),  # type: ignore[arg-type]
        "candidates is a list, not an Artifact or a Model or a path or a mapping",
        "quantkit.quantize",
    ),
    "no candidates": (
        lambda its: quantkit.compare(its["model"], {}, its["data"]),
        "candidates is empty",
        "at least one",
    ),
    "a path for data": (
        lambda its: quantkit.compare(its["model"], its["int8"], its["folder"]),
        "is a path, not data",
        "quantkit.open_source",
    ),
    "no threads": (
        lambda its: quantkit.collect(its["model"], its["data"], how=quantkit.Collecting(threads=0)),
        "Collecting: threads is 0",
        "1 or more",
    ),
    "channels of no tensor": (
        lambda its: quantkit.collect(its["model"], its["data"], how=quantkit.Collecting(channels={"imagee": 1})),
        "no tensor that is observed is called 'imagee'",
        "did you mean 'image'",
    ),
    "a path for a comparison": (
        lambda its: quantkit.judge("run.json"),  # type: ignore[arg-type]
        "comparison is 'run.json', not a Comparison",
        r"quantkit.load_run\(path\)",
    ),
    "a path for a baseline": (
        lambda its: quantkit.judge(its["comparison"], None, "b.json"),  # type: ignore[arg-type]
        "baseline is 'b.json', not a Baseline",
        r"quantkit.load_baseline\(path\)",
    ),
    "a bare tolerance": (
        lambda its: quantkit.Rules(tolerances={"top1": 0.99}),  # type: ignore[dict-item]
        r"tolerances\['top1'\] is 0.99, not a Tolerance",
        r"quantkit.Tolerance\(min_ratio=0.99\)",
    ),
    "a chance in percent": (lambda its: quantkit.Rules(alpha=5), "Rules: alpha is 5", "above 0 and at most 0.5"),
    "a share in percent": (lambda its: quantkit.Rules(max_flips=3), "Rules: max_flips is 3", "a part from 0 to 1"),
    "rendering a path": (
        lambda its: quantkit.render("run.json"),  # type: ignore[arg-type]
        "what is 'run.json', not a Comparison or a Judgement",
        r"quantkit.load_run\(path\)",
    ),
    "rendering into nothing": (lambda its: quantkit.render(its["comparison"], width=0), "width is 0", "1 or more"),
    "saving with arguments swapped": (
        lambda its: quantkit.save_run("run.json", its["comparison"]),  # type: ignore[arg-type]
        r"save_run\(\): comparison is 'run.json', not a Comparison",
        "quantkit.compare",
    ),
    "loading a number": (lambda its: quantkit.load_run(3), r"load_run\(\): path is 3, not a path", "path of a file"),  # type: ignore[arg-type]
    "opening an array": (
        lambda its: quantkit.open_source(its["data"]),
        r"open_source\(\): path is a ndarray, not a path",
        "a folder",
    ),
    "a table for the record of labels": (
        lambda its: quantkit.open_source(its["folder"], labelling="val.csv"),  # type: ignore[arg-type]
        "labelling is 'val.csv', not a Labelling",
        "labels='val.csv'",
    ),
    "a number of samples for a selection": (
        lambda its: quantkit.open_source(its["folder"], selection=500),  # type: ignore[arg-type]
        "selection is 500, not a Selection",
        r"quantkit.Selection\(max_samples=500\)",
    ),
    "a mean that is no tuple": (
        lambda its: quantkit.Preprocessing(mean=0.5),  # type: ignore[arg-type]
        "mean is 0.5, not a tuple of numbers",
        r"\(0.5,\)",
    ),
    "ranges of words": (lambda its: quantkit.Range("a", "b"), "Range: low is 'a'", "a number"),  # type: ignore[arg-type]
    "merging with nothing": (
        lambda its: its["statistics"].merge(None),
        r"Statistics.merge\(\): other is None, not a Statistics",
        "quantkit.collect",
    ),
    "sensitivity on no samples": (lambda its: quantkit.Sensing(samples=0), "Sensing: samples is 0", "1 or more"),
}


@pytest.mark.parametrize(("misuse", "says", "remedy"), MISUSES.values(), ids=MISUSES.keys())
def test_a_mistake_is_named_with_its_remedy(
    misuse: Callable[[dict[str, Any]], object], says: str, remedy: str, held: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=says) as refusal:
        misuse(held)
    assert any(re.search(remedy, hint) for hint in refusal.value.hints)


def test_what_is_meant_is_taken_however_it_is_written(held: dict[str, Any]) -> None:
    """Lists for tuples, strings for paths."""
    checkpoint = held["folder"] / "counted.safetensors"
    again = quantkit.collect(str(held["model"]), held["data"], checkpoint=str(checkpoint))
    assert again == held["statistics"]
    again.save(str(checkpoint))
    assert quantkit.Statistics.load(checkpoint) == again
    how = quantkit.Comparing(metrics=["sqnr"], stopwatch=None)  # type: ignore[arg-type]
    found = quantkit.compare(held["model"], str(held["int8"].path), held["data"], how=how)
    assert [summary.metric for summary in found.candidates[0].metrics] == ["sqnr"]


@pytest.mark.parametrize("name", sorted(quantkit.__all__))
def test_every_public_function_resolves_its_annotations(name: str) -> None:
    """They are looked at when it is called, far from where a name is missing."""
    value = getattr(quantkit, name)
    if callable(value) and not isinstance(value, type):
        with pytest.raises((QuantkitError, TypeError)):
            value(*[object()] * 2)
