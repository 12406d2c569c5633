"""Words from the command line become values or say why not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.cli.options import values
from quantkit.cli.options.values import BadValueError

SIZES = st.lists(st.integers(1, 4096), min_size=1, max_size=5).map(tuple)
INPUT_NAMES = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs", "Cc", "Z"]), min_size=1)


@given(st.dictionaries(INPUT_NAMES, SIZES, min_size=1, max_size=4))
def test_shapes_are_read_back_as_trtexec_writes_them(shapes: dict[str, tuple[int, ...]]) -> None:
    text = ",".join(f"{name}:{'x'.join(map(str, sizes))}" for name, sizes in shapes.items())
    assert values.shapes(text) == shapes


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_shard_is_its_number_and_the_count(one: int, other: int) -> None:
    part, parts = sorted((one, other))
    assert values.shard(f"{part}/{parts}") == (part, parts)


@given(st.text())
def test_no_text_breaks_a_parser_in_any_other_way_than_refusing_it(text: str) -> None:
    parsers: list[Callable[[str], Any]] = [
        values.path,
        values.at_least(1),
        values.number_within(0, 100),
        values.share,
        values.one_of("a", "b"),
        values.several(str),
        values.shard,
        values.shapes,
        values.rule_for,
        values.yes_or_no,
    ]
    for parse in parsers:
        with suppress(BadValueError):
            parse(text)


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        pytest.param(values.at_least(1), "many", "is not a whole number of at least 1", id="no number"),
        pytest.param(values.at_least(1), "0", "must be at least 1", id="below the smallest"),
        pytest.param(values.at_least(1), "9" * 5000, "is not a whole number", id="more digits than Python reads"),
        pytest.param(values.number_within(0, 100), "nan", "must be above 0 and at most 100", id="nan"),
        pytest.param(values.number_within(0, 100), "high", "is not a number above 0 and up to 100", id="a word"),
        pytest.param(values.share, "150%", "must be above 0 and at most 1", id="more than all"),
        pytest.param(values.share, "half", "is neither a share such as 0.25 nor", id="share in words"),
        pytest.param(values.shard, "5/4", "is not a shard", id="shard beyond the count"),
        pytest.param(values.shard, "0/4", "is not a shard", id="shards count from one"),
        pytest.param(values.shapes, "1x3x224x224", "is not a shape", id="shape without a name"),
        pytest.param(values.shapes, "x:1x-1", "is not a shape", id="free size"),
        pytest.param(values.shapes, "x:1,y:2,x:1", "names 'x' twice", id="two shapes for one input"),
        pytest.param(values.rule_for, "softmax", "is not GLOB=RULE", id="no rule"),
        pytest.param(values.several(str), " , ", "names nothing", id="empty list"),
        pytest.param(values.several(str), "max,max", "names 'max' twice", id="twice"),
        pytest.param(values.yes_or_no, "perhaps", "is neither true nor false", id="undecided"),
        pytest.param(values.path, "", "is not a path", id="empty path"),
        pytest.param(values.path, "a\0b", "is not a path", id="a path with a NUL"),
    ],
)
def test_what_is_no_value_is_refused_with_the_reason(parse: Callable[[str], Any], text: str, reason: str) -> None:
    with pytest.raises(BadValueError, match=reason):
        parse(text)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(BadValueError) as refusal:
        values.one_of("human", "json")("jsn")
    assert refusal.value.remedies == ("did you mean 'json'?", "there are: human, json")


def test_an_exception_may_name_tensors_with_an_equals_sign() -> None:
    assert values.rule_for("a=b*=max") == ("a=b*", "max")


def test_a_plug_in_is_known_as_soon_as_its_file_is_there() -> None:
    assert values.plugin("quantkit.calibrators")("entropy") == "entropy"


def test_a_tilde_without_a_home_folder_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "expanduser", homeless)
    assert values.path("~/model.onnx") == Path("~/model.onnx")
