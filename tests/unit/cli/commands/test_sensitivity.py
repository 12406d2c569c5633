"""Which layers cost accuracy, on the command line."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest

from quantkit.core import sensitivity_file
from tests.command_line import ran
from tests.onnx_models import random, written

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def words(digits: Path) -> list[str]:
    data, recipe = str(digits / "eval"), str(digits / "preprocess.toml")
    return ["sensitivity", str(digits / "model.onnx"), "--data", data, "--preprocess", recipe, "--max-samples", "24"]


@pytest.fixture(scope="module")
def measured(words: list[str], finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of one run, and what it printed."""
    folder = tmp_path_factory.mktemp("sensitivity")
    calib = finished / "max.qcal.json"
    done = ran(*words, "--calib", calib, "--metric", "top1", "-o", folder / "sensitivity.json", "--no-latency")
    assert done.exit_code == 0, done.notes
    (folder / "output.txt").write_text(done.output)
    return folder


def test_the_file_is_valid_and_the_page_lies_beside_it(measured: Path) -> None:
    schema = json.loads((Path(sensitivity_file.__file__).parent / "sensitivity.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads((measured / "sensitivity.json").read_text()))
    found = sensitivity_file.load(measured / "sensitivity.json")
    assert found.samples == 24
    assert [measure.name for measure in found.measures] == ["sqnr", "top1"]
    assert "--exclude-nodes" in found.points[-1].flags
    assert "<!DOCTYPE html>" in (measured / "sensitivity.html").read_text()[:50]


def test_int8_that_shows_no_loss_stays_as_it_is_and_flags_for_later_can_be_pasted(
    measured: Path, finished: Path, digits: Path, command: Command
) -> None:
    output = (measured / "output.txt").read_text()
    assert "left in FP32 together, really quantized, on 24 samples" in output
    assert "what to do\n  nothing needs to be left out, as far as these samples show\n" in output
    assert "more samples tell (--max-samples)" in output
    flags = re.search(r"should they show a loss, with .*:\n +(--exclude-nodes .*)$", output, re.MULTILINE)
    assert flags is not None
    result = command(
        "quantize", digits / "model.onnx", "--calib", finished / "max.qcal.json", "-o", "m.onnx",
        *shlex.split(flags[1]),
    )  # fmt: skip
    assert result.exit_code == 0, result.notes


def test_inspect_shows_it(measured: Path, command: Command) -> None:
    short = command("inspect", measured / "sensitivity.json")
    whole = command("inspect", measured / "sensitivity.json", "-v")
    assert short.output.splitlines()[0] == (measured / "output.txt").read_text().splitlines()[0]
    assert len(whole.output) > len(short.output)
    document = command("inspect", measured / "sensitivity.json", "--json").document
    assert document["kind"] == "sensitivity"
    assert document["sensitivity"]["samples"] == 24


def test_two_of_them_are_not_compared(measured: Path, command: Command) -> None:
    result = command("diff", measured / "sensitivity.json", measured / "sensitivity.json")
    assert result.exit_code == 2
    assert "two sensitivities are not compared" in result.notes


def test_a_report_shows_it_where_it_belongs_to_the_same_model(
    measured: Path, finished: Path, command: Command, tmp_path: Path
) -> None:
    for name in ("run.json", "samples.jsonl"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    beside = tmp_path / "sensitivity.json"
    beside.write_bytes((measured / "sensitivity.json").read_bytes())
    assert command("report", "run.json", "--html", "with.html").exit_code == 0
    assert 'id="sensitivity"' in (tmp_path / "with.html").read_text()
    document = json.loads(beside.read_text())
    beside.write_text(json.dumps({**document, "model": "0" * 64}))
    assert command("report", "run.json", "--html", "without.html").exit_code == 0
    assert 'id="sensitivity"' not in (tmp_path / "without.html").read_text()


def test_json_is_one_document(words: list[str], command: Command) -> None:
    done = command(*words, "--json", "--no-latency", "--metric", "top1", "--statistics", "none.safetensors")
    assert done.exit_code == 3
    done = command(*words, "--json", "--no-latency", "--method", "mse", "--max-samples", "24")
    assert done.exit_code == 0, done.notes
    assert done.document["sensitivity"]["rule"] == "mse"
    assert any("the ranges were chosen from the same samples" in note for note in done.document["sensitivity"]["notes"])
    assert done.document["files"] == ["sensitivity.json", "sensitivity.html"]


def test_statistics_made_before_choose_the_ranges(words: list[str], finished: Path, command: Command) -> None:
    statistics = finished / "statistics.safetensors"
    done = command(*words, "--statistics", statistics, "--target", "tensorrt", "--json")
    assert done.exit_code == 0, done.notes
    found = done.document["sensitivity"]
    assert (found["target"], found["rule"], found["reference_latency"]) == ("tensorrt", "entropy", None)


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(
    words: list[str], command: Command, tmp_path: Path
) -> None:
    done = command(*words, "--dry-run", "--json")
    assert done.exit_code == 0
    assert done.document["samples"] == 24
    assert done.document["seconds"] > 0
    assert done.document["runs"] > done.document["layers"] > 4
    assert list(tmp_path.iterdir()) == []
    assert "would measure" in command(*words, "--dry-run").output


def test_a_limit_on_the_time_still_writes_what_is_known_and_says_how_to_go_on(
    words: list[str], finished: Path, command: Command, tmp_path: Path
) -> None:
    # Far from enough for all samples, and far more than a first look takes.
    given = [*words[:-1], "400", "--time-limit", "2s", "--no-latency", "--calib", finished / "max.qcal.json"]
    done = command(*given, "--json")
    assert done.exit_code == 0, done.notes
    found = sensitivity_file.load(tmp_path / "sensitivity.json")
    assert found.samples < 400
    assert found.extent is not None
    assert (found.extent.samples, found.extent.limit_s) == (400, 2.0)
    assert done.document["left_undone"][0].startswith("the time limit of 2 s ended the measuring, with ")
    assert done.document["sensitivity"]["extent"]["go_on"] == found.extent.go_on
    again = shlex.split(found.extent.go_on)
    assert again[:2] == ["quantkit", "sensitivity"]
    assert command(*again[1:], "--dry-run").exit_code == 0


def test_a_whole_measurement_leaves_nothing_undone(words: list[str], finished: Path, command: Command) -> None:
    done = command(*words, "--json", "--no-latency", "--calib", finished / "max.qcal.json").document
    assert done["left_undone"] == []
    assert done["what_to_do"]["headline"].startswith("nothing needs to be left out")
    assert done["sensitivity"]["advice"]["left_out"] == []


def test_time_that_ranges_took_is_told_from_time_to_measure(words: list[str], command: Command) -> None:
    done = command(*words, "--time-limit", "0.001")
    assert done.exit_code == 5
    assert "of the time limit 0 s were left for measuring" in done.notes
    assert "--calib takes ranges that are there already" in done.notes


@pytest.mark.parametrize(
    ("extra", "exit_code", "message"),
    [
        (["--calib", "{calib}", "--method", "max"], 2, "--method says nothing beside --calib"),
        (["--calib", "{calib}", "--statistics", "s"], 2, "--statistics says nothing beside --calib"),
        (["--exclude-ops", "Conv", "Gemm"], 5, "no layer of the model becomes INT8"),
        (["--exclude-nodes", "nosuch*"], 2, "no node of the model matches"),
        (["--metric", "nosuch"], 2, "is not known"),
        (["-o", "."], 2, "is a folder"),
    ],
    ids=["calib and method", "calib and statistics", "nothing left", "odd name", "odd metric", "a folder"],
)
def test_what_makes_no_sense_is_refused(
    words: list[str], finished: Path, command: Command, extra: list[str], exit_code: int, message: str
) -> None:
    done = command(*words, *(word.format(calib=finished / "max.qcal.json") for word in extra))
    assert done.exit_code == exit_code
    assert message in done.notes
    assert "hint:" in done.notes


def test_results_are_not_replaced_unasked(words: list[str], command: Command, tmp_path: Path) -> None:
    (tmp_path / "sensitivity.html").write_text("mine")
    done = command(*words)
    assert done.exit_code == 2
    assert (tmp_path / "sensitivity.html").read_text() == "mine"


def test_names_with_spaces_and_escapes_are_quoted_and_harmless(command: Command, tmp_path: Path) -> None:
    proto = written(
        "g (float[n, 4] x) => (float[n, 4] y) { [a] c = Gemm(x, u) [b] d = Gemm(c, v) [c] e = Gemm(d, w) y = Relu(e) }",
        **{name: random(4, 4, seed=seed) for seed, name in enumerate("uvw")},
    )
    for node, name in zip(proto.graph.node, ("a b\x1b[31m", "'; rm x", "<c>"), strict=False):
        node.name = name
    onnx.save(proto, tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", random(20, 4))
    done = command("sensitivity", "m.onnx", "--data", "x.npy", "--no-latency")
    assert done.exit_code == 0, done.notes
    assert "\x1b" not in done.output
