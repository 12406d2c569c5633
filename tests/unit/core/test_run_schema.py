"""The schema of run.json that comes with the package."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core import run
from quantkit.core.comparison import Noise
from tests.fake_comparison import comparison
from tests.gate_runs import run as hand_made


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(resources.files("quantkit.core").joinpath("run.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


CHECKED = replace(hand_made(100), noise={"FP32": Noise(100, 0, {"top1": 0.0}), "int8": Noise(100, 3, {"top1": 0.01})})


@pytest.mark.parametrize(
    "made", [comparison(), hand_made(100), CHECKED], ids=["two candidates", "top-1 alone", "checked against itself"]
)
def test_a_run_is_valid_and_comes_back_as_it_was(made: Any, validator: Any, tmp_path: Path) -> None:
    run.save(made, tmp_path / "run.json")
    validator.validate(json.loads((tmp_path / "run.json").read_text()))
    assert run.load(tmp_path / "run.json") == made


def paths(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of everything in a document."""
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [at, *(path for name, entry in entries for path in paths(entry, (*at, name)))]


TYING = ("samples", "file", "sha256", "columns", "name", "count", "labelled", "candidates", "rows")


@given(data=st.data())
def test_what_the_schema_takes_quantkit_reads(
    data: st.DataObject, validator: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "run.json"
    run.save(replace(hand_made(3), noise={"int8": Noise(3, 1, {"top1": 0.3})}, leads=comparison().leads), path)
    document = json.loads(path.read_text())
    *way, last = data.draw(st.sampled_from([place for place in paths(document) if place]))
    holder = document
    for step in way:
        holder = holder[step]
    holder[last] = data.draw(st.sampled_from([None, -1, 0.5, "text", [], {}, True]))
    # What ties the two files together, or two models apart, is beyond a schema.
    if last in TYING or "columns" in way:
        return
    if validator.is_valid(document):
        path.write_text(json.dumps(document))
        run.load(path)
