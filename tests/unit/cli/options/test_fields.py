"""A dataclass declares its options once; flags, variables, keys and values follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest

from quantkit.cli.options import values
from quantkit.cli.options.fields import Group, Option, assembled, declared


@dataclass(frozen=True, slots=True)
class Reading:
    batch_size: Annotated[int, Option("samples at once", parse=values.at_least(1), metavar="N")] = 8
    rules: Annotated[tuple[str, ...], Option("rules", parse=values.several(str))] = ("max", "entropy")


@dataclass(frozen=True, slots=True)
class Job:
    model: Annotated[str, Option("the model", metavar="MODEL", positional=True)] = ""
    names: Annotated[tuple[str, ...], Option("names", kind="many")] = ()
    force: Annotated[bool, Option("overwrite", kind="switch", short="-f")] = False
    reading: Annotated[Reading, Group("reading")] = field(default_factory=Reading)
    given: dict[str, str] = field(default_factory=dict)


def test_options_come_in_the_order_of_the_fields_with_those_of_groups_in_their_place() -> None:
    assert [(option.flag, option.section) for option in declared(Job)] == [
        ("MODEL", ""),
        ("--names", ""),
        ("--force", ""),
        ("--batch-size", "reading"),
        ("--rules", "reading"),
    ]


def test_one_declaration_gives_flag_variable_and_key() -> None:
    option = next(option for option in declared(Job) if option.name == "batch_size")
    assert (option.flag, option.variable, option.key) == ("--batch-size", "QUANTKIT_BATCH_SIZE", "batch-size")


@pytest.mark.parametrize(
    ("name", "default"),
    [("batch_size", "8"), ("rules", "max,entropy"), ("names", ""), ("force", ""), ("model", "")],
)
def test_the_default_is_shown_as_it_would_be_typed(name: str, default: str) -> None:
    assert next(option for option in declared(Job) if option.name == name).default == default


def test_values_find_their_way_into_groups_and_the_rest_keeps_its_default() -> None:
    job = assembled(Job, {"model": "m.onnx", "batch_size": 2, "given": {"a": "b"}})
    assert job == Job(model="m.onnx", reading=Reading(batch_size=2), given={"a": "b"})


def test_a_switch_reads_what_a_file_or_a_variable_says() -> None:
    force = next(option for option in declared(Job) if option.name == "force")
    assert force.value(("true",)) is True
    assert force.value(("off",)) is False
