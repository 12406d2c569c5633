"""One set of statistics from several."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_a_part_that_is_given_twice_is_refused(command: Command, finished: Path) -> None:
    part = finished / "statistics.safetensors"
    refusal = command("merge", part, part, "-o", "all.safetensors")
    assert refusal.exit_code == 3
    assert "would be counted twice" in refusal.notes
    assert not Path("all.safetensors").exists()


def test_a_part_is_never_the_output(command: Command, finished: Path) -> None:
    shutil.copy(finished / "statistics.safetensors", "a.safetensors")
    assert command("merge", "a.safetensors", "-o", "a.safetensors", "--force").exit_code == 2


def test_one_part_is_its_own_sum(command: Command, finished: Path) -> None:
    document = command("merge", finished / "statistics.safetensors", "-o", "all.safetensors", "--json").document
    assert (document["parts"], document["samples"]) == (1, 64)
