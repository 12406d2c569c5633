"""The command that goes on where the time was over."""

from __future__ import annotations

import shlex

import pytest

from quantkit.cli.work.sensing.running import with_time


@pytest.mark.parametrize(
    "limit",
    ["--time-limit 9s", "--time-limit=9s", "--time_limit 9s", "--force --time-limit 9s", ""],
    ids=["two words", "one word", "underscore", "forced", "elsewhere"],
)
def test_it_is_the_same_command_with_time_enough_and_replaces_the_outputs(limit: str) -> None:
    again = with_time(f"quantkit sensitivity 'my model.onnx' {limit} --data x.npy", 100.0)
    assert shlex.split(again) == [
        *("quantkit", "sensitivity", "my model.onnx", "--data", "x.npy", "--force", "--time-limit", "3m"),
    ]


def test_where_nobody_knows_how_long_it_takes_there_is_no_limit() -> None:
    assert with_time("quantkit sensitivity m.onnx --time-limit 9s", None) == "quantkit sensitivity m.onnx --force"
