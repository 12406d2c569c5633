"""The command line goes before variables, these before the configuration file, that before the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli import settings
from quantkit.cli.options import values
from quantkit.cli.options.fields import Option
from quantkit.cli.parser import Typed
from quantkit.cli.settings import Given
from quantkit.core.errors import UsageError

SEED = Option("seed", parse=values.at_least(0), metavar="INT", name="seed", default="0")
NAMES = Option("names", kind="many", metavar="GLOB", name="names")
MODEL = Option("the model", metavar="MODEL", positional=True, required=True, name="model")
METHOD = Option("rules", name="method", default="max,entropy", presets={"fast": "max"}, unless=("names",))
PRESET = Option("preset", name="preset", default="balanced")
RESUME = Option("the journal", metavar="FILE", alone=True, name="resume")
ONE = st.one_of(st.none(), st.integers(0, 9))


@given(typed=ONE, variable=ONE, file=ONE)
def test_the_first_source_that_says_something_counts(typed: int | None, variable: int | None, file: int | None) -> None:
    given = settings.resolved(
        [SEED],
        {} if typed is None else {"seed": (str(typed),)},
        {} if variable is None else {"QUANTKIT_SEED": str(variable)},
        {} if file is None else {"seed": Given((str(file),), "job.toml")},
    )
    sources = [(typed, "command line"), (variable, "QUANTKIT_SEED"), (file, "job.toml"), (0, "default")]
    value, origin = next((value, origin) for value, origin in sources if value is not None)
    assert given["seed"] == Given((str(value),), origin)
    assert settings.values([SEED], given) == ({} if origin == "default" else {"seed": value})


def test_an_empty_variable_says_nothing() -> None:
    assert settings.resolved([SEED], {}, {"QUANTKIT_SEED": ""}, {})["seed"].origin == "default"


def test_a_variable_holds_several_values_as_a_shell_would_split_them() -> None:
    given = settings.resolved([NAMES], {}, {"QUANTKIT_NAMES": "a 'b c'"}, {})
    assert given["names"].texts == ("a", "b c")


def test_a_variable_is_not_asked_for_what_can_only_be_typed() -> None:
    option = replace(SEED, typed_only=True)
    assert settings.resolved([option], {}, {"QUANTKIT_SEED": "3"}, {})["seed"].origin == "default"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("QUANTKIT_SEEED", "QUANTKIT_SEEED says nothing: it is no option's variable; did you mean 'QUANTKIT_SEED'?"),
        ("QUANTKIT_XYLOPHONE", "it is no option's variable; quantkit COMMAND --show-config lists the options"),
        ("QUANTKIT_TRUST", "QUANTKIT_TRUST says nothing: --trust is taken from the command line alone"),
    ],
    ids=["a slip", "nothing like it", "only typed"],
)
def test_a_variable_that_no_option_reads_is_told(name: str, said: str) -> None:
    options = [SEED, NAMES, Option("trust", kind="switch", typed_only=True, name="trust")]
    (told,) = settings.idle_variables({name: "1", "QUANTKIT_NAMES": "a", "HOME": "/", "QUANTKIT_SEED": "1"}, options)
    assert said in told


def test_variables_that_are_read_or_empty_or_of_the_tests_are_not_told() -> None:
    forced = Option("replace", kind="switch", name="force")
    options = [SEED, forced, replace(forced, typed_only=True)]
    environment = {"QUANTKIT_SEED": "1", "QUANTKIT_FORCE": "1", "QUANTKIT_SEEED": "", "QUANTKIT_MATERIAL": "/data"}
    assert settings.idle_variables({**environment, "QUANTKIT_KERNEL_TIMES": "times"}, options) == []


@pytest.mark.parametrize(
    ("environment", "message", "where"),
    [
        pytest.param({"QUANTKIT_SEED": "x"}, "--seed 'x' is not a whole number", "QUANTKIT_SEED", id="value"),
        pytest.param({"QUANTKIT_NAMES": "'"}, "QUANTKIT_NAMES", "QUANTKIT_NAMES", id="open quote"),
    ],
)
def test_a_bad_value_is_refused_with_the_place_where_it_stands(
    environment: Mapping[str, str], message: str, where: str
) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        settings.values([SEED, NAMES], settings.resolved([SEED, NAMES], {}, environment, {}))
    assert refusal.value.where == where


def test_what_is_missing_is_named_with_its_meaning() -> None:
    given = settings.resolved([MODEL], {}, {}, {})
    with pytest.raises(UsageError, match="MODEL is missing") as refusal:
        settings.refuse_missing([MODEL], given, usage="quantkit x MODEL")
    assert refusal.value.cause == "MODEL: the model"


def test_a_model_that_a_greedy_option_swallowed_is_explained() -> None:
    given = settings.resolved([MODEL, NAMES], {"names": ("a", "model.onnx")}, {}, {})
    with pytest.raises(UsageError, match="MODEL is missing") as refusal:
        settings.refuse_missing([MODEL, NAMES], given, usage="quantkit x MODEL")
    assert "--names takes every word that follows it: put MODEL in front of it" in refusal.value.hints


def test_an_option_that_stands_for_a_command_line_needs_nothing_else_and_bears_nothing_else() -> None:
    options = [MODEL, SEED, RESUME]
    settings.refuse_missing(options, settings.resolved(options, {"resume": ("r",)}, {}, {}), usage="")
    settings.refuse_company(options, {"resume": ("r",)}, allowed=())
    with pytest.raises(UsageError, match="--resume takes no other options") as refusal:
        settings.refuse_company(options, {"resume": ("r",), "seed": ("1",)}, allowed=("format",))
    assert refusal.value.where == "--seed"


def test_a_preset_sets_what_nobody_else_sets() -> None:
    fast: Typed = {"preset": ("fast",)}
    assert settings.resolved([METHOD, PRESET], fast, {}, {})["method"] == Given(("max",), "preset fast")
    assert settings.resolved([METHOD, PRESET], {}, {}, {})["method"].origin == settings.DEFAULT
    for typed, variables, file in (
        ({"method": ("mse",)}, {}, {}),
        ({}, {"QUANTKIT_METHOD": "mse"}, {}),
        ({}, {}, {"method": Given(("mse",), "job.toml")}),
    ):
        found = settings.resolved([METHOD, PRESET], {**fast, **typed}, variables, file)
        assert found["method"].texts == ("mse",)
        assert found["method"].is_asked


def test_a_preset_is_not_what_somebody_asked_for() -> None:
    assert not settings.resolved([METHOD, PRESET], {"preset": ("fast",)}, {}, {})["method"].is_asked


def test_a_rival_voids_a_preset() -> None:
    typed: Typed = {"preset": ("fast",), "names": ("a",)}
    assert settings.resolved([METHOD, PRESET, NAMES], typed, {}, {})["method"].origin == settings.DEFAULT
