"""Words are taken for what they are, and unknown ones are told the nearest known one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli.options.fields import Option
from quantkit.cli.parser import normalised, typed
from quantkit.core.errors import UsageError

OPTIONS = [
    Option("model", metavar="MODEL", positional=True, name="model"),
    Option("others", metavar="OTHER", positional=True, kind="many", name="others"),
    Option("output", short="-o", metavar="PATH", name="output"),
    Option("excluded", kind="many", metavar="GLOB", name="exclude_nodes"),
    Option("overwrite", kind="switch", name="force"),
    Option("more", kind="count", short="-v", name="verbose"),
    Option("form", metavar="FORM", name="format", shorthands={"--json": "json"}),
]


def parsed(*words: str) -> dict[str, tuple[str, ...]]:
    return typed(OPTIONS, words, prog="quantkit x")


def test_positional_words_may_stand_anywhere() -> None:
    assert parsed("a.onnx", "-o", "out", "b.onnx", "--force", "c.onnx") == {
        "model": ("a.onnx",),
        "others": ("b.onnx", "c.onnx"),
        "output": ("out",),
        "force": ("true",),
    }


def test_words_after_two_dashes_are_names_even_when_they_begin_with_a_dash() -> None:
    assert parsed("--", "-model.onnx", "--force") == {"model": ("-model.onnx",), "others": ("--force",)}


def test_underscores_in_flags_are_dashes_and_stay_in_values() -> None:
    assert parsed("--exclude_nodes", "a_b", "--output=c_d") == {"exclude_nodes": ("a_b",), "output": ("c_d",)}


@given(st.lists(st.text(), max_size=6))
def test_writing_flags_with_dashes_twice_changes_nothing(words: list[str]) -> None:
    assert normalised(normalised(words)) == normalised(words)


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_words_are_parsed_or_refused_as_wrong_usage(words: list[str]) -> None:
    with suppress(UsageError):
        typed(OPTIONS, words, prog="quantkit x")


def test_an_option_for_several_values_may_be_repeated() -> None:
    assert parsed("--exclude-nodes", "a", "b", "--exclude-nodes", "c")["exclude_nodes"] == ("a", "b", "c")


def test_a_counting_switch_counts() -> None:
    assert parsed("-vv", "--verbose")["verbose"] == ("3",)


def test_a_shorthand_stands_for_its_value() -> None:
    assert parsed("--json")["format"] == ("json",)


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert parsed("--json", "--format", "json")["format"] == ("json", "json")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        pytest.param(["--ouput", "x"], "there is no option --ouput", "did you mean '--output'?", id="misspelt"),
        pytest.param(["--out", "x"], "there is no option --out", "did you mean '--output'?", id="abbreviated"),
        pytest.param(["-z"], "there is no option -z", "quantkit x --help lists all", id="unknown letter"),
        pytest.param(["--output"], "expected one argument", "quantkit x --help", id="no value"),
        pytest.param(["--force=1"], "ignored explicit argument", "quantkit x --help", id="a value for a switch"),
        pytest.param(["-o", "a", "-o", "b"], "--output is given twice, as 'a' and as 'b'", "keep one", id="twice"),
    ],
)
def test_a_wrong_word_is_refused_with_a_way_out(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        parsed(*words)
    assert hint in refusal.value.hints


def test_a_word_too_many_is_shown_with_those_that_have_a_place() -> None:
    with pytest.raises(UsageError, match="'b' is one word too many") as refusal:
        typed(OPTIONS[:1], ["a", "b"], prog="quantkit x")
    assert refusal.value.cause == "MODEL is 'a'"


def test_options_that_look_alike_are_told_apart() -> None:
    options = [OPTIONS[2], replace(OPTIONS[2], short="", name="output_format")]
    assert typed(options, ["--output", "a"], prog="x") == {"output": ("a",)}
