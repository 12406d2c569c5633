"""Results and notes reach whoever reads, in any locale, and nobody has to read to the end."""

from __future__ import annotations

import io
import sys

import pytest

from quantkit.cli.process.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_results_go_to_standard_output_and_notes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.result("result")
    terminal.note("note")
    assert capsys.readouterr() == ("result\n", "note\n")


def test_letters_that_the_locale_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    Terminal().result("12 ± 3 \udcff")
    ascii_only.seek(0)
    assert ascii_only.read() == "12 \\xb1 3 \\udcff\n"


def test_a_reader_that_has_gone_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", Gone())
    terminal = Terminal()
    terminal.result("result")
    terminal.note("note")


@pytest.mark.parametrize(
    ("color", "variables", "screen", "colored"),
    [
        pytest.param("auto", {}, True, True, id="a terminal"),
        pytest.param("auto", {}, False, False, id="a file"),
        pytest.param("auto", {"NO_COLOR": "1"}, True, False, id="NO_COLOR"),
        pytest.param("auto", {"NO_COLOR": ""}, True, True, id="an empty NO_COLOR says nothing"),
        pytest.param("auto", {"TERM": "dumb"}, True, False, id="a dumb terminal"),
        pytest.param("always", {"NO_COLOR": "1"}, False, True, id="the flag goes first"),
        pytest.param("never", {}, True, False, id="never"),
    ],
)
def test_colours_are_for_terminals_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, color: str, variables: dict[str, str], screen: bool, colored: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen() if screen else io.StringIO())
    assert Terminal(color=color, variables=variables).colors_results is colored


@pytest.mark.parametrize(
    ("progress", "format", "variables", "screen", "expected"),
    [
        pytest.param("auto", "human", {}, True, "bar", id="a terminal gets a bar"),
        pytest.param("auto", "human", {}, False, "log", id="a file gets lines"),
        pytest.param("auto", "human", {"CI": "true"}, True, "log", id="CI gets lines"),
        pytest.param("auto", "human", {"TERM": "dumb"}, True, "log", id="a dumb terminal gets lines"),
        pytest.param("auto", "quiet", {}, True, "none", id="quiet is quiet"),
        pytest.param("bar", "quiet", {"CI": "true"}, False, "bar", id="the flag goes first"),
    ],
)
def test_progress_fits_whoever_looks(
    monkeypatch: pytest.MonkeyPatch,
    progress: str,
    format: str,
    variables: dict[str, str],
    screen: bool,
    expected: str,
) -> None:
    monkeypatch.setattr(sys, "stderr", Screen() if screen else io.StringIO())
    terminal = Terminal(progress=progress, format=format, variables=variables)
    assert terminal.progress_kind == expected


def test_no_progress_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(progress="none").progressing("statistics") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_bar_leaves_one_line_that_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(progress="bar").progressing("statistics") as advance:
        advance(1, 2)
        advance(2, 2)
    assert "statistics: 2 samples in" in capsys.readouterr().err


def test_a_long_step_is_told_unless_no_progress_is_wanted() -> None:
    assert Terminal(progress="log").telling is not None
    assert Terminal(progress="none").telling is None
