"""The batches that all models of a comparison take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.backends.tensorrt.options import Profile
from quantkit.core.errors import ModelError, UsageError
from quantkit.graph.model import from_proto
from quantkit.pipeline import common_sizes
from quantkit.pipeline.common_sizes import Taken
from tests.unit.backends.tensorrt.small_models import network

SIZES = st.tuples(*[st.integers(1, 40)] * 3).map(sorted)


def plan(*batches: int, side: int = 16) -> dict[str, Taken]:
    """What a plan for 1, 2 or 3 batch sizes takes: the smallest, the usual, the largest."""
    low, usual, high = batches if len(batches) == 3 else (batches[0], batches[-1], batches[-1])
    ends = [(size, 3, side, side) for size in (low, usual, high)]
    return {"x": Taken("float32", Profile(*ends))}


def model(batch: int | str = "N") -> dict[str, Taken]:
    return common_sizes.of_model(from_proto(network(batch)))


@given(st.lists(SIZES, min_size=1, max_size=4), st.integers(1, 40))
def test_what_is_common_is_taken_by_all_and_nothing_else_is(sizes: list[list[int]], batch: int) -> None:
    takes = {str(number): plan(*each) for number, each in enumerate(sizes)}
    shape = (batch, 3, 16, 16)
    by_all = all(taken["x"].shapes.holds(shape) for taken in takes.values())
    try:
        shared = common_sizes.common({"model": model(), **takes})["x"].shapes
    except ModelError:
        assert not by_all
    else:
        assert shared.holds(shape) == by_all
        assert shared.holds(shared.usual)


def test_a_model_of_open_size_leaves_the_plan_its_batch() -> None:
    shared = common_sizes.common({"model": model(), "plan": plan(1, 8, 32)})
    assert shared == plan(1, 8, 32)
    assert common_sizes.with_batch(shared, None) == shared
    assert common_sizes.with_batch(shared, 20)["x"].shapes.usual == (20, 3, 16, 16)


def test_of_two_plans_the_smaller_usual_batch_counts() -> None:
    assert common_sizes.common({"a": plan(1, 32), "b": plan(4, 8, 64)}) == plan(4, 8, 32)


@pytest.mark.parametrize("batch", [0, 9, 100])
def test_a_batch_that_plans_do_not_take_is_refused(batch: int) -> None:
    with pytest.raises(UsageError, match=rf"QK1095.*--batch-size {batch}, and the plans take 1 to 8 samples"):
        common_sizes.with_batch(plan(1, 8), batch)
    with pytest.raises(UsageError, match="the plans take 16 samples"):
        common_sizes.with_batch(plan(16, 16), batch)


def test_sizes_apart_are_named_with_their_models() -> None:
    told = r"QK3083.*'x': the models take no batch in common(.|\n)*FP32 takes \?x3x16x16; a takes 8x3x24x24"
    with pytest.raises(ModelError, match=told):
        common_sizes.common({"FP32": model(), "a": plan(8, 8, side=24)})
    flat = {"x": Taken("float32", Profile.fixed((8, 3)))}
    with pytest.raises(ModelError, match="b takes 8x3"):
        common_sizes.common({"FP32": model(), "b": flat})


def test_data_may_come_in_any_number_where_only_a_plan_insists_on_one() -> None:
    shared = common_sizes.common({"FP32": model(), "plan": plan(16, 16)})
    assert [str(spec) for spec in common_sizes.specs(shared, fixed_batch=False)] == ["x:?x3x16x16"]
    assert [str(spec) for spec in common_sizes.specs(shared, fixed_batch=True)] == ["x:16x3x16x16"]


def test_inputs_of_different_first_sizes_have_no_batch() -> None:
    takes = {name: Taken("float32", Profile.fixed((size, 4))) for name, size in (("x", 16), ("state", 2))}
    assert not common_sizes.batched(takes)
    assert common_sizes.with_batch(takes, 7) == takes
    assert [str(spec) for spec in common_sizes.specs(takes, fixed_batch=False)] == ["x:16x4", "state:2x4"]


def test_a_number_alone_is_no_batch() -> None:
    assert not common_sizes.batched({"x": Taken("float32", Profile.fixed(()))})
