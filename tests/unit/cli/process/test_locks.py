"""One process at a time for one output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quantkit.cli.process.locks import locked
from quantkit.core.errors import SetupError

HOLDER = """
import sys, time
from pathlib import Path
from quantkit.cli.process.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(output: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_is_writing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with (
        holder(output) as process,
        pytest.raises(SetupError, match=f"process {process.pid} is writing") as refusal,
        locked(output),
    ):
        pass
    assert refusal.value.exit_code == 4


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with holder(output) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with locked(output):
            assert (tmp_path / ".out.lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with locked(tmp_path / "made" / "out"):
        pass
    assert list(tmp_path.rglob("*.lock")) == []


def test_a_lock_can_be_taken_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "out"):
        raise ZeroDivisionError
    with locked(tmp_path / "out"):
        pass


def test_two_spellings_of_an_output_are_one(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with locked(tmp_path / "out"), pytest.raises(SetupError), locked(tmp_path / "sub" / ".." / "out"):
        pass


def test_a_link_in_the_lock_s_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".out.lock").symlink_to(victim)
    with pytest.raises(SetupError), locked(tmp_path / "out"):
        pass
    assert victim.read_text() == "precious"
