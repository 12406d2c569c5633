"""What the library notices is heard once, and as loudly as was asked for."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from quantkit.cli.process import logs
from quantkit.cli.process.terminal import Terminal

LIBRARY = logging.getLogger("quantkit.data")


@pytest.mark.parametrize(
    ("verbose", "expected"),
    [
        (0, "warning: three\n"),
        (1, "note: two\nwarning: three\n"),
        (2, "debug: one\nnote: two\nwarning: three\n"),
        (9, "debug: one\nnote: two\nwarning: three\n"),
    ],
)
def test_more_is_shown_for_each_v(capsys: pytest.CaptureFixture[str], verbose: int, expected: str) -> None:
    with logs.shown(Terminal(), verbose=verbose, log_file=None):
        LIBRARY.debug("one")
        LIBRARY.info("two")
        LIBRARY.warning("three")
    assert capsys.readouterr().err == expected


def test_what_was_said_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.shown(Terminal(), verbose=0, log_file=None):
        LIBRARY.warning("5 of %d samples", 20)
        LIBRARY.warning("5 of 20 samples")
    assert capsys.readouterr().err == "warning: 5 of 20 samples\n"


def test_names_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.shown(Terminal(), verbose=0, log_file=None):
        LIBRARY.warning("%s", "a\x1b[2J\nb")
    assert capsys.readouterr().err == "warning: a\\x1b[2J\\nb\n"


def test_a_log_file_has_everything_and_is_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "logs" / "run.log"
    for _ in range(2):
        with logs.shown(Terminal(), verbose=0, log_file=path):
            LIBRARY.debug("one")
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("DEBUG quantkit.data: one")
    assert capsys.readouterr().err == ""


def test_afterwards_the_library_is_as_it_was() -> None:
    before = logging.getLogger("quantkit").handlers[:], logging.getLogger("quantkit").level
    with logs.shown(Terminal(), verbose=2, log_file=None):
        pass
    assert (logging.getLogger("quantkit").handlers, logging.getLogger("quantkit").level) == before
