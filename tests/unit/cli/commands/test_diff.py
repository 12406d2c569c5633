"""Two files of one kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from quantkit.core import run as stored
from tests.fake_comparison import comparison
from tests.gate_runs import run

Command = Callable[..., Any]


def test_two_calibrations_are_compared_tensor_by_tensor(command: Command, finished: Path) -> None:
    words = ["diff", finished / "max.qcal.json", finished / "entropy.qcal.json"]
    document = command(*words, "--json").document
    assert document["same_model"]
    assert document["changed"]
    assert all(entry["ratio"] <= 1 for entry in document["changed"])
    assert "ranges differ" in command(*words).output


def test_a_calibration_does_not_differ_from_itself(command: Command, finished: Path) -> None:
    path = finished / "max.qcal.json"
    assert command("diff", path, path, "--json").document["changed"] == []
    assert command("diff", path, path).exit_code == 0


def test_two_runs_are_compared_figure_by_figure(command: Command, finished: Path) -> None:
    document = command("diff", finished / "run.json", finished / "run.json", "--json").document
    assert document["same_samples"]
    assert all(entry["before"] == entry["after"] for entry in document["metrics"])
    assert "the same ones" in command("diff", finished / "run.json", finished / "run.json").output


def test_different_kinds_cannot_be_compared(command: Command, finished: Path) -> None:
    refusal = command("diff", finished / "max.qcal.json", finished / "run.json")
    assert refusal.exit_code == 2
    assert "is a calibration and run.json a run" in refusal.notes


def test_two_runs_are_paired_and_shown_as_markdown(command: Command) -> None:
    stored.save(run(5000), "old.json")
    stored.save(run(5000, regressed=200, environment={"isa": "avx2"}), "new.json")
    text = command("diff", "old.json", "new.json").output
    assert "another environment: isa avx512_vnni then, avx2 now" in text
    assert "190 / 0" in text
    assert ", worse" in text
    shown = command("diff", "old.json", "new.json", "--md").output
    assert shown.startswith("## Two runs on 5000 samples\n\n- 5000 samples before")
    assert "| int8 | top-1 | 75.00 % | 71.20 % | −3.80 pp, worse |" in shown
    (entry,) = [one for one in command("diff", "old.json", "new.json", "--json").document["metrics"] if one["flips"]][
        1:
    ]
    assert (entry["model"], entry["moved"], entry["flips"], entry["samples"]) == ("int8", "worse", [190, 0], 5000)


def test_speeds_of_two_runs_differ_where_their_intervals_do(command: Command) -> None:
    made = comparison()
    assert made.reference.latency is not None
    for name, factor in (("old", 1.0), ("alike", 1.005), ("fast", 2.0)):
        latency = made.reference.latency
        spans = tuple(factor * span for span in latency.p50s_ms)
        slower = replace(latency, p50_ms=factor * latency.p50_ms, p50s_ms=spans)
        stored.save(replace(made, reference=replace(made.reference, latency=slower)), f"{name}.json")
    fast = command("diff", "old.json", "fast.json").output
    assert "2.99× [2.96, 3.01]" in fast
    assert "5.98× [5.93, 6.03]" in fast
    assert "none is shown" not in fast
    assert "none is shown" in command("diff", "old.json", "alike.json").output
    figures = command("diff", "old.json", "alike.json", "--json").document["figures"]
    assert [round(one["after"], 2) for one in figures if one["figure"] == "speed-up"] == [3.0, 3.02]


def test_hostile_names_do_nothing_in_markdown(command: Command) -> None:
    made = run(100)
    named = replace(made.candidates[0], subject=replace(made.candidates[0].subject, name="a|b<script>\x1b[2J@team"))
    stored.save(replace(made, candidates=(named,)), "run.json")
    shown = command("diff", "run.json", "run.json", "--md").output
    assert "<script>" not in shown
    assert "\x1b" not in shown
    assert "\x1b" not in command("diff", "run.json", "run.json").output
    assert all(line.count("|") == 8 for line in shown.splitlines() if line.startswith("|"))


def test_two_models_are_compared_by_what_is_in_them(command: Command, finished: Path, digits: Path) -> None:
    int8 = [finished / f"model.{rule}.int8.onnx" for rule in ("max", "entropy")]
    document = command("diff", *int8, "--json").document
    assert document["kind"] == "model"
    assert not document["same"]
    assert document["constants"]["changed"]
    assert not document["constants"]["only_before"]
    assert command("diff", int8[0], int8[0], "--json").document["same"]
    text = command("diff", digits / "model.onnx", int8[0]).output
    assert "inputs and outputs are the same" in text
    assert "QuantizeLinear" in text
    assert command("diff", int8[0], finished / "run.json").exit_code == 2
