"""Limits as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max-drop", "top1"], "write top1=1pp"),
        (["--max-drop", "top1=apoint"], "holds no number"),
        (["--max-drop", "top1=-1pp"], "at least 0"),
        (["--max-drop", "top1=nan"], "no finite number"),
        (["--max-drop", "top1=1pp,top1=2pp"], "names 'top1' twice"),
        (["--min-ratio", "top1=1.5"], "at most 1"),
        (["--min", "sqnr=much"], "holds no number"),
        (["--max-latency-regression", "p50=5%"], "write p50:5%"),
        (["--alpha", "0.7"], "at most 0.5"),
        (["--preset", "mlperf"], "did you mean"),
    ],
    ids=" ".join,
)
def test_what_is_no_limit_is_refused_with_an_example(words: list[str], message: str, command: Command) -> None:
    refusal = command("check", "run.json", *words)
    assert refusal.exit_code == 2
    assert message in refusal.notes
