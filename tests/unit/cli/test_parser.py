"""Words are taken for what they are, and unknown ones are told the nearest known one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option
from quantkit.cli.parser import normalised, typed
from quantkit.core.errors import UsageError

OPTIONS = [
    Option("model", metavar="MODEL", positional=True, name="model"),
    Option("others", metavar="OTHER", positional=True, kind="many", name="others"),
    Option("output", short="-o", metavar="PATH", name="output"),
    Option("excluded", kind="many", metavar="GLOB", name="exclude_nodes"),
    Option("overwrite", kind="switch", name="force"),
    Option("limits", metavar="NAME=LIMIT,...", name="limit"),
    Option("more", kind="count", short="-v", name="verbose"),
    Option("form", metavar="FORM", name="format", shorthands={"--json": "json"}),
    Option("noise", parse=values.at_least(1), implied="64", name="synthetic"),
    Option("key=value", kind="each", metavar="KEY=VALUE", name="set", typed_only=True),
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
        pytest.param(
            ["--limit", "a=1", "--limit", "b=2"],
            "--limit is given twice, as 'a=1' and as 'b=2'",
            "or both in one: --limit a=1,b=2",
            id="twice what takes several",
        ),
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


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--synthetic",), "64"),
        (("--synthetic", "a.onnx"), "64"),
        (("--synthetic", "--force"), "64"),
        (("--synthetic", "8"), "8"),
        (("--synthetic=8",), "8"),
    ],
    ids=["at the end", "before a model", "before a flag", "with a number", "with an equals sign"],
)
def test_a_flag_with_an_implied_value_takes_only_what_is_one(words: tuple[str, ...], value: str) -> None:
    assert parsed(*words)["synthetic"] == (value,)


def test_set_stands_for_flags() -> None:
    found = parsed("--set", "exclude_nodes='a b' c", "a.onnx", "--set", "output=x=y", "--set", "force=true")
    assert found == {"model": ("a.onnx",), "exclude_nodes": ("a b", "c"), "output": ("x=y",), "force": ("true",)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "output"), "is not KEY=VALUE"),
        (("--set", "outptu=x"), "there is no option 'outptu'"),
        (("--set", "set=a=b"), "there is no option 'set'"),
        (("--set", "output=x", "--output", "y"), "--output is given twice"),
        (("--set", "output=x", "--set", "output=y"), "--output is given twice"),
        (("--set", "exclude-nodes='a"), "cannot be split into words"),
    ],
    ids=["no value", "misspelt", "itself", "and the flag", "two values", "an open quotation"],
)
def test_set_refuses_what_the_flags_would_refuse(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(*words)


def test_a_flag_of_another_command_is_told_its_home() -> None:
    with pytest.raises(UsageError) as refusal:
        typed(OPTIONS, ["--shard", "1/2"], prog="quantkit x", homes={"--shard": "calibrate"})
    assert refusal.value.hints[0] == "quantkit calibrate has it"


def test_a_flag_that_is_missing_for_a_reason_says_it() -> None:
    with pytest.raises(UsageError) as refusal:
        parsed("--trust-pickle")
    assert "a pickle is a program" in refusal.value.hints[0]
