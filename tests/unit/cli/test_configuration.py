"""A configuration file has the options as keys, and what it does not know it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli import configuration
from quantkit.cli.options import values
from quantkit.cli.options.fields import Option
from quantkit.cli.settings import Given, resolved
from quantkit.core import toml
from quantkit.core.errors import QuantkitError, UsageError

OPTIONS = [
    Option("seed", parse=values.at_least(0), name="seed", default="0"),
    Option("method", parse=values.several(str), name="method", default="max,entropy"),
    Option("names", kind="many", name="exclude_nodes"),
    Option("force", kind="switch", name="force"),
    Option("data", parse=values.path, is_path=values.anything, name="data"),
    Option("show", kind="switch", typed_only=True, name="show_config"),
]
COMMANDS = {"calibrate": OPTIONS, "compare": [*OPTIONS, Option("labels", name="labels")]}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def read(folder: Path, text: str, command: str = "calibrate") -> dict[str, Given]:
    path = folder / "job.toml"
    path.write_text(text)
    return configuration.read(path, command, COMMANDS)


def texts(found: dict[str, Given]) -> dict[str, tuple[str, ...]]:
    return {name: entry.texts for name, entry in found.items()}


def test_numbers_lists_and_switches_become_what_a_user_would_type(tmp_path: Path) -> None:
    found = read(tmp_path, 'seed = 7\nmethod = ["max", "mse"]\nexclude-nodes = ["a", "b"]\nforce = true\n')
    assert texts(found) == {
        "seed": ("7",),
        "method": ("max,mse",),
        "exclude_nodes": ("a", "b"),
        "force": ("true",),
    }


def test_a_path_starts_at_the_file_s_folder(tmp_path: Path) -> None:
    assert texts(read(tmp_path, 'data = "calib"')) == {"data": (str(tmp_path / "calib"),)}


def test_a_command_s_table_goes_before_the_keys_for_all_commands(tmp_path: Path) -> None:
    text = "seed = 1\n[calibrate]\nseed = 2\n[compare]\nseed = 3\n"
    assert texts(read(tmp_path, text)) == {"seed": ("2",)}
    assert texts(read(tmp_path, text, "compare")) == {"seed": ("3",)}


def test_a_key_that_only_another_command_has_is_for_that_one(tmp_path: Path) -> None:
    assert texts(read(tmp_path, 'seed = 1\nlabels = "val.csv"\n')) == {"seed": ("1",)}
    with pytest.raises(UsageError, match="calibrate has no option 'labels'"):
        read(tmp_path, '[calibrate]\nlabels = "val.csv"\n')


def test_a_switch_may_stand_for_the_value_it_implies(tmp_path: Path) -> None:
    commands = {"calibrate": [Option("noise", implied="64", name="synthetic")]}
    (tmp_path / "job.toml").write_text("synthetic = true\n")
    assert texts(configuration.read(tmp_path / "job.toml", "calibrate", commands)) == {"synthetic": ("64",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("sed = 1", "calibrate has no option 'sed'", id="misspelt key"),
        pytest.param("show-config = true", "calibrate has no option 'show-config'", id="typed only"),
        pytest.param("seed = {}", "seed must be a text, a number, true, false or a list", id="a table"),
        pytest.param("seed = ", "the configuration file is not TOML", id="no TOML"),
        pytest.param("seed = " + "[" * 9999, "the configuration file is not TOML", id="bottomless"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        read(tmp_path, text)
    assert refusal.value.where == str(tmp_path / "job.toml")


def test_a_misspelt_key_is_told_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        read(tmp_path, "metod = 1")
    assert refusal.value.hints[0] == "did you mean 'method'?"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuantkitError, match=r"absent\.toml"):
        configuration.read(tmp_path / "absent.toml", "calibrate", COMMANDS)


@given(names=st.lists(TEXT, min_size=1), force=st.booleans())
def test_what_is_written_is_read_back(names: list[str], force: bool) -> None:
    typed = {"exclude_nodes": tuple(names)} | ({"force": ("true",)} if force else {})
    given = resolved(OPTIONS, typed, {}, {})
    document = toml.parsed(configuration.written("calibrate", OPTIONS, given).encode())
    assert document == {
        "seed": "0",
        "method": "max,entropy",
        "exclude-nodes": names,
        "force": force,
    }
