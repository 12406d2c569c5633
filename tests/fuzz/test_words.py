"""Words that are typed, and files and variables that stand for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st

from quantkit.cli.options import gate, metric, values
from quantkit.cli.options.values import BadValueError
from quantkit.core.errors import ExitCode
from quantkit.data.wildcards import expanded
from tests.command_line import ran
from tests.fuzz.damage import EXTREMES, damaged, misspelt
from tests.fuzz.feeding import survives

PARSERS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "shapes": (values.shapes, ["x:1x3x224x224,state:0:2x1x128", "x:1"]),
    "shard": (values.shard, ["1/4", "12/12"]),
    "share": (values.share, ["25%", "0.25"]),
    "duration": (values.duration, ["90s", "1.5h"]),
    "device": (values.device, ["cuda:0", "cpu"]),
    "whole number": (values.at_least(1), ["32"]),
    "number": (values.number_within(0, 100), ["99.99"]),
    "override": (values.rule_for, ["*softmax*=max", "a=b=entropy"]),
    "methods": (values.several(values.plugin("quantkit.calibrators")), ["max,entropy", "mse"]),
    "metrics": (metric.metrics, ["top1,psnr:peak=255,border=4", "face-verification:pairs=p.csv", "my.scores:f,k=v"]),
    "max-drop": (gate.by_name(gate.drop, "=", "top1=1pp"), ["top1=1pp,psnr=0.5dB", "sqnr=1%"]),
    "min": (gate.by_name(gate.bound, "=", "agreement=0.98"), ["agreement=98%,sqnr=20"]),
    "latency": (gate.by_name(values.share, ":", "p50:5%"), ["p50:5%"]),
}


@pytest.mark.parametrize("name", PARSERS)
def test_values(name: str) -> None:
    parse, seeds = PARSERS[name]

    def feed(text: str) -> None:
        with suppress(BadValueError):
            parse(text)

    survives(f"value: {name}", misspelt(seeds), feed)


def test_patterns_of_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-0.tar").touch()
    survives("path pattern", misspelt(["a-{0..3}.tar", "{a,b}-[0-9].t*"]), expanded)


CONFIGURATION = b"""batch-size = 8
method = ["max", "mse"]
shapes = "x:1x3x32x32"
exclude-nodes = ["conv*", "/a/b"]
allow-few = true
max-bad-samples = "1%"

[calibrate]
until = "model"
override = ["*softmax*=max"]

[check]
min-ratio = "top1=0.99"
"""


def test_configuration_files(tmp_path: Path) -> None:
    path = tmp_path / "quantkit.toml"

    def feed(content: bytes) -> None:
        path.write_bytes(content)
        refused_or_shown("calibrate", "m.onnx", "--data", "d", "--config", str(path))

    survives("configuration TOML", damaged([CONFIGURATION]), feed)


JOURNAL = b"""{"asked": {"model": ["m.onnx"], "data": ["d"], "method": ["max,mse"], "batch_size": ["4"]}, "inputs":
{"model": "a", "data": "b"}, "schema": "quantkit.journal/1"}
{"sha256": "c", "step": "statistics"}
""".replace(b', "inputs":\n', b', "inputs": ')


def test_journals_as_command_lines(tmp_path: Path) -> None:
    path = tmp_path / "run-0.jsonl"

    def feed(content: bytes) -> None:
        path.write_bytes(content)
        ended("calibrate", "--resume", str(path))

    survives("resumed journal", damaged([JOURNAL]), feed)


WORDS = (
    "calibrate", "check", "diff", "m.onnx", "--data", "d", "--method", "max", "--shapes", "x:1x3", "--batch-size", "4",
    "--shard", "1/2", "--override", "*=max", "--max-drop", "top1=1pp", "--set", "seed=3", "--json", "--", "-o", "out",
    "--seed=7", "--no_latency", "-vv", "--resume", "j", "--threads", "-1", "--preset", "fast", "--metric", "top1", "-",
    *(extreme.decode("utf-8", "surrogateescape").replace("\0", "") for extreme in EXTREMES),
)  # fmt: skip


def test_command_lines() -> None:
    lines = st.lists(st.sampled_from(WORDS), max_size=8)
    survives("command line", lines, lambda words: refused_or_shown("calibrate", *words))


def refused_or_shown(*words: str) -> None:
    """What a command line was understood as, or why it was not; nothing is run."""
    ended(*words[:1], "--show-config", *words[1:])


def ended(*words: str) -> None:
    """The command line in this process; it ends in any way but by a defect."""
    result = ran(*words)
    assert result.exit_code in (ExitCode.OK, ExitCode.USAGE, ExitCode.INPUT, ExitCode.ENVIRONMENT), result.notes[-2000:]
