from __future__ import annotations

import re
from dataclasses import replace

import pytest

from quantkit.core.comparison import Comparison
from quantkit.report.table import TableRenderer
from tests.fake_comparison import comparison


def four_candidates() -> Comparison:
    whole = comparison()
    return replace(
        whole,
        candidates=tuple(
            replace(outcome, subject=replace(outcome.subject, name=f"{outcome.subject.name}{number}"))
            for number in (1, 2)
            for outcome in whole.candidates
        ),
    )


def test_two_candidates_fit_a_terminal_of_80_columns() -> None:
    text = TableRenderer(width=80).render(comparison())
    assert sum(line.split() == ["fp32", "max", "entropy"] for line in text.splitlines()) == 1


def test_what_does_not_fit_gets_a_table_of_its_own_with_the_reference() -> None:
    lines = [line.split() for line in TableRenderer(width=80).render(four_candidates()).splitlines()]
    assert ["fp32", "max1", "entropy1"] in lines
    assert ["fp32", "max2", "entropy2"] in lines
    wide = [line.split() for line in TableRenderer(width=120).render(four_candidates()).splitlines()]
    assert ["fp32", "max1", "entropy1", "max2", "entropy2"] in wide


def test_colour_is_what_was_asked_for_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in TableRenderer().render(comparison())
    monkeypatch.setenv("FORCE_COLOR", "")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1m" in TableRenderer(color=True).render(comparison())


def test_colour_changes_no_word() -> None:
    colored = re.sub(r"\x1b\[[0-9;]*m", "", TableRenderer(color=True).render(comparison()))
    assert [line.rstrip() for line in colored.splitlines()] == TableRenderer().render(comparison()).splitlines()


def test_a_long_model_name_is_shortened_in_the_table_and_whole_below_it() -> None:
    whole = comparison()
    name = "mobilenet_v2_1.0_224_entropy_per_channel_symmetric"
    long = replace(whole.candidates[0], subject=replace(whole.candidates[0].subject, name=name))
    text = TableRenderer().render(replace(whole, candidates=(long,)))
    assert "mobilenet_v2…l_symmetric" in text
    assert f"- {name}: " in text


def test_ascii_only_keeps_the_sense() -> None:
    text = TableRenderer(ascii_only=True).render(comparison())
    assert text.isascii()
    assert "[-4.45, +0.99]" in text
    assert "2.99x" in text
