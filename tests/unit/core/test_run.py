from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core import run, run_document
from quantkit.core.comparison import Comparison, Coverage, EngineLayers, Interval, Latency, NodeCoverage
from quantkit.core.errors import ArtifactError, QuantkitError
from quantkit.core.json_values import encoded
from tests.fake_comparison import comparison

ANY_TEXT = st.text(st.characters(categories=None), max_size=20)


def small(samples: int = 5) -> Comparison:
    """The fake comparison with fewer samples, so that files are quick to write."""
    whole = comparison()
    assert whole.labels is not None
    cut = tuple(
        replace(outcome, rows={name: values[:samples] for name, values in outcome.rows.items()})
        for outcome in whole.candidates
    )
    return replace(whole, candidates=cut, samples=whole.samples[:samples], labels=whole.labels[:samples])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    run.save(small(), tmp_path / "run.json")
    return tmp_path / "run.json"


def test_a_saved_run_is_read_back_as_it_was(tmp_path: Path) -> None:
    whole = comparison()
    document, rows = run.save(whole, tmp_path / "run.json")
    assert run.load(tmp_path / "run.json") == whole
    assert (document.kind, rows.kind, rows.path.name) == ("run", "samples", "samples.jsonl")


@pytest.mark.parametrize("unscaled", [None, {}, {"x": "missing"}], ids=["in the model", "none", "one"])
def test_the_layers_of_an_engine_are_read_back(tmp_path: Path, unscaled: dict[str, str] | None) -> None:
    found = small()
    layers = EngineLayers({"int8": 3, "fp16": 1}, 2, unscaled)
    coverage = Coverage((NodeCoverage("conv", "Conv", "int8"),), layers)
    outcome = replace(found.candidates[0], subject=replace(found.candidates[0].subject, coverage=coverage))
    run.save(replace(found, candidates=(outcome,)), tmp_path / "run.json")
    assert run.load(tmp_path / "run.json").candidates[0].subject.coverage == coverage


def test_how_sure_a_speed_up_is_stands_in_the_file(saved: Path) -> None:
    entry = json.loads(saved.read_bytes())["candidates"][0]["speed_up"]
    assert (round(entry["low"], 2), round(entry["estimate"], 2), round(entry["high"], 2)) == (2.96, 2.99, 3.01)


def test_a_run_from_before_blocks_of_calls_is_read(saved: Path) -> None:
    document = json.loads(saved.read_bytes())
    subjects = [document["reference"], *(candidate["subject"] for candidate in document["candidates"])]
    for subject in subjects:
        del subject["latency"]["p50s_ms"], subject["latency"]["p90s_ms"]
    for candidate in document["candidates"]:
        del candidate["speed_up"]
    saved.write_text(json.dumps(document))
    found = run.load(saved)
    assert found.reference.latency == Latency(1.231, 1.402, 200, 1, 50)
    run.save(found, saved)
    assert "speed_up" not in json.loads(saved.read_bytes())["candidates"][0]


def test_equal_runs_are_equal_bytes(tmp_path: Path) -> None:
    first, second = (run.save(small(), tmp_path / name / "run.json") for name in "ab")
    assert [artifact.digest for artifact in first] == [artifact.digest for artifact in second]


@settings(max_examples=30)
@given(
    figures=st.lists(st.floats(), min_size=4, max_size=4),
    texts=st.lists(ANY_TEXT, min_size=4, max_size=4, unique=True),
    column=st.lists(st.floats(), min_size=2, max_size=2),
    labelled=st.booleans(),
)
def test_any_figure_and_any_text_survive(
    tmp_path_factory: pytest.TempPathFactory,
    figures: list[float],
    texts: list[str],
    column: list[float],
    labelled: bool,
) -> None:
    base = small(2)
    outcome = base.candidates[0]
    summary = replace(
        outcome.metrics[0], difference=Interval(figures[0], figures[1], figures[2], figures[3]), candidate=figures[0]
    )
    odd = replace(
        base,
        reference=replace(base.reference, name=texts[0], path=texts[3], latency=None),
        candidates=(
            replace(
                outcome,
                subject=replace(outcome.subject, name=texts[1], provenance={texts[2]: texts[3]}),
                metrics=(summary,),
                rows={texts[3]: np.array(column)},
            ),
        ),
        samples=(texts[0], texts[2]),
        labels=base.labels if labelled else None,
        notes=tuple(texts),
    )
    path = tmp_path_factory.mktemp("run") / "run.json"
    run.save(odd, path)
    # NaN differs from itself, so what is written is compared.
    assert encoded(run_document.written(run.load(path))) == encoded(run_document.written(odd))
    assert run.load(path).candidates[0].rows.keys() == {texts[3]}
    assert np.array_equal(run.load(path).candidates[0].rows[texts[3]], column, equal_nan=True)
    assert run.load(path).samples == odd.samples


def test_rows_of_runs_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    run.save(small(5), tmp_path / "a.json")
    run.save(small(3), tmp_path / "b.json")
    assert len(run.load(tmp_path / "a.json").samples) == 5


def test_a_torn_last_line_is_dropped_with_a_note(saved: Path) -> None:
    rows = saved.with_name("samples.jsonl")
    rows.write_bytes(rows.read_bytes()[:-40])
    torn = run.load(saved)
    assert torn.samples == small().samples[:4]
    assert torn.labels is not None
    assert len(torn.labels) == len(torn.candidates[0].rows["top1"]) == 4
    assert torn.notes[-1] == "samples.jsonl ends after 4 of 5 samples"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:100], "not a usable run"),
        (lambda content: b"", "not a usable run"),
        (lambda content: b"[]", "not a usable run"),
        (lambda content: b"\xff\xfe\x00", "not a usable run"),
        (lambda content: content.replace(b"quantkit.run/1", b"quantkit.run/2"), "this version reads 'quantkit.run/1'"),
        (lambda content: b'{"a":' * 100_000, "not a usable run"),
        (lambda content: content.replace(b'"samples.jsonl"', b'"../samples.jsonl"'), "not beside it"),
        (lambda content: content.replace(b'"samples.jsonl"', b'".."'), "not beside it"),
        (lambda content: content.replace(b'"name": "max"', b'"name": "fp32"'), "2 models under comparison"),
        (lambda content: content.replace(b'"bool"', b'"object"'), "rows are damaged"),
    ],
    ids=["cut", "empty", "list", "binary", "schema", "deep", "outside", "parent", "twice", "type"],
)
def test_a_damaged_run_is_refused(saved: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(ArtifactError, match="QK324") as refusal:
        raise_again(saved)
    assert message in str(refusal.value)
    assert refusal.value.where is not None


def raise_again(path: Path) -> None:
    """`load`, with the whole message as the exception's text, which is what people see."""
    try:
        run.load(path)
    except QuantkitError as refusal:
        refusal.args = (str(refusal),)
        raise


def test_missing_rows_are_named(saved: Path) -> None:
    saved.with_name("samples.jsonl").unlink()
    with pytest.raises(ArtifactError, match=r"the rows of this run are missing: .*samples\.jsonl"):
        run.load(saved)


def test_rows_of_another_run_are_refused(saved: Path, tmp_path: Path) -> None:
    other = replace(small(), samples=tuple(f"other {name}" for name in small().samples))
    run.save(other, tmp_path / "other.json")
    (tmp_path / "other.samples.jsonl").replace(saved.with_name("samples.jsonl"))
    with pytest.raises(ArtifactError, match="damaged or of another run"):
        run.load(saved)


def test_rows_that_the_run_does_not_count_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes().replace(b'"count": 5', b'"count": 4'))
    with pytest.raises(ArtifactError, match="damaged or of another run") as refusal:
        run.load(saved)
    assert refusal.value.cause == "it has 5 lines for 4 samples"


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .*run\.json: No such file"):
        run.load(tmp_path / "run.json")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, entry in inner for place in places(entry, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], fresh: Any) -> Any:
    if not path:
        return fresh
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], fresh)
    return copy


DOCUMENT = json.loads(encoded(run_document.written(small(2)) | {"rows": {"file": "samples.jsonl", "sha256": "0"}}))
JSON: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.just([]) | st.just({}) | st.just([[1]])
)


@settings(max_examples=300)
@given(place=st.sampled_from(places(DOCUMENT)), fresh=JSON)
def test_any_value_in_any_place_is_read_or_refused(place: tuple[Any, ...], fresh: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_text(json.dumps(changed(DOCUMENT, place, fresh)))
    (path.parent / "samples.jsonl").write_text("{}\n{}\n")
    with pytest.raises(ArtifactError):
        run.load(path)


LINE = json.loads(encoded({"id": "a", "label": 1, "candidates": {"max": {"top1": True, "sqnr": 3.5}}}))


@settings(max_examples=150)
@given(place=st.sampled_from(places(LINE)), fresh=JSON)
def test_any_value_in_a_row_is_read_or_refused(place: tuple[Any, ...], fresh: Any, tmp_path_factory: Any) -> None:
    base, path = small(1), tmp_path_factory.getbasetemp() / "row.json"
    rows = {"top1": np.array([True]), "sqnr": np.array([3.5])}
    run.save(replace(base, candidates=(replace(base.candidates[0], rows=rows),)), path)
    content = json.dumps(changed(LINE, place, fresh)).encode() + b"\n"
    run.rows_beside(path).write_bytes(content)
    document = json.loads(path.read_bytes())
    document["rows"]["sha256"] = hashlib.sha256(content).hexdigest()
    path.write_text(json.dumps(document))
    try:
        columns = run.load(path).candidates[0].rows
    except ArtifactError:
        return
    assert (columns["top1"].dtype.name, columns["sqnr"].dtype.name) == ("bool", "float64")
