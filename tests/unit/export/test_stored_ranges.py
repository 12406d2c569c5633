"""Ranges in plain JSON come back as they were written, by quantkit or by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.calibration import Provenance
from quantkit.core.errors import ArtifactError, QuantkitError
from quantkit.core.ranges import Range
from quantkit.core.trt_cache import stated
from quantkit.export import _stored_ranges
from quantkit.export.ranges_json import RangesJsonExporter

HEAD = '{"schema": "quantkit.ranges/1", "tensors": '


def test_what_the_exporter_writes_is_read(tmp_path: Path) -> None:
    ranges = {"conv: 1": Range(-2.5, 0.1), "dead": Range(0.0, 0.0)}
    calibration = stated(ranges, "mse", Provenance("m" * 64, 0, ""))
    path = RangesJsonExporter().write(None, calibration, tmp_path / "r.json").path
    found = _stored_ranges.load(path)
    assert (found.ranges, found.rule, found.model) == (ranges, "mse", "m" * 64)


def test_low_and_high_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(HEAD + '{"a": {"low": -1, "high": 2.5}}}')
    assert _stored_ranges.load(path) == _stored_ranges.StoredRanges({"a": Range(-1.0, 2.5)})


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"schema": "other/1"}', "its schema is 'other/1', not 'quantkit.ranges/1'"),
        (HEAD + "{}}", "it names no tensor"),
        (HEAD + '{"a": [1, 2]}}', "TypeError"),
        (HEAD + '{"a": {"low": 1}}}', "KeyError: 'high'"),
        (HEAD + '{"a": {"low": "x", "high": 1}}}', "KeyError"),
        (HEAD + '{"a": {"low": 2, "high": 1}}}', "must be finite and not inverted"),
        (HEAD + '{"a": {"low": "NaN", "high": 1}}}', "must be finite and not inverted"),
        (HEAD + '{"a": {"low": -1, "high": 1e999}}}', "must be finite and not inverted"),
    ],
)
def test_what_is_no_range_is_refused_with_an_example(tmp_path: Path, content: str, cause: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match="no usable ranges") as refusal:
        _stored_ranges.load(path)
    assert cause in str(refusal.value.cause)
    assert refusal.value.where == str(path)
    assert '"tensors": {"conv1": {"low": -2.5, "high": 2.5}}' in refusal.value.hints[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)


@given(tensors=JSON)
def test_nothing_but_our_own_errors_leaves(tmp_path_factory: pytest.TempPathFactory, tensors: object) -> None:
    path = tmp_path_factory.mktemp("r") / "r.json"
    path.write_text(json.dumps({"schema": "quantkit.ranges/1", "tensors": tensors}))
    try:
        found = _stored_ranges.load(path)
    except QuantkitError:
        return
    assert found.ranges
