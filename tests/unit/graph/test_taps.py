"""Taps hand out inner tensors, and as few of them as say everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto

from quantkit.core.errors import ModelError
from quantkit.graph.model import Model, from_proto, load
from quantkit.graph.taps import MOST_SOURCES, TapPlan, plan_taps, tapped
from tests.onnx_models import assert_same, random, results, saved, written

FEEDS = {"x": random(2, 4, 3, 3)}


def network(body: str, output: str = "y", inputs: str = "float[N, 4, H, W] x") -> Model:
    weights = {"w": random(4, 4, 1, 1), "flat": np.array([0, -1]), "axes": np.array([0])}
    return from_proto(written(f"g ({inputs}) => (float[?, ?, ?, ?] {output}) {{ {body} }}", **weights))


CHAIN = network("c = Conv(x, w) r = Relu(c) s = Sigmoid(r) y = Neg(s)")


def test_a_tapped_model_hands_out_exactly_the_tensors_in_order() -> None:
    whole = ModelProto()
    whole.CopyFrom(CHAIN.proto)
    del whole.graph.output[:]
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in ("r", "c"))
    assert_same(results(tapped(CHAIN, ["r", "c"]), FEEDS), results(whole, FEEDS))


def test_nothing_that_no_tap_needs_is_computed_or_stored() -> None:
    proto = ModelProto.FromString(tapped(network("c = Conv(x, w) r = Relu(x) y = Neg(c)"), ["r"]).proto)
    assert [node.op_type for node in proto.graph.node] == ["Relu"]
    assert not proto.graph.initializer
    assert [value.name for value in proto.graph.input] == ["x"]


def test_inputs_stay_even_where_no_tap_needs_them() -> None:
    model = network("r = Relu(x) y = Add(r, z)", inputs="float[N, 4, H, W] x, float[N, 4, H, W] z")
    assert set(results(tapped(model, ["r"]), FEEDS | {"z": FEEDS["x"]})) == {"r"}


def test_model_inputs_are_left_out_because_the_caller_has_them() -> None:
    assert set(results(tapped(CHAIN, ["x", "r", "r"]), FEEDS)) == {"r"}


def test_initializers_among_the_inputs_need_not_be_fed() -> None:
    proto = ModelProto()
    proto.CopyFrom(CHAIN.proto)
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [4, 4, 1, 1]))
    model = from_proto(proto)
    assert set(results(tapped(model, ["c"]), FEEDS)) == {"c"}
    assert plan_taps(model, ["x", "c"]).inputs == ("x",)
    with pytest.raises(ModelError, match="no activation called 'w'"):
        tapped(model, ["w"])


def test_a_model_without_taps_keeps_its_outputs() -> None:
    assert set(results(tapped(CHAIN, ["x"]), FEEDS)) == {"y"}


def test_known_shapes_go_with_the_outputs() -> None:
    model = from_proto(onnx.shape_inference.infer_shapes(CHAIN.proto))
    graph = ModelProto.FromString(tapped(model, ["r", "s"]).proto).graph
    assert [value.type.tensor_type.shape.dim[1].dim_value for value in graph.output] == [4, 4]
    assert [value.name for value in graph.value_info] == ["c"]


def test_outputs_of_unknown_type_can_be_tapped() -> None:
    model = network("c = com.microsoft.Gelu(x) y = Neg(c)")
    assert set(results(tapped(model, ["c"]), FEEDS)) == {"c"}


def test_weights_outside_the_model_stay_there(tmp_path: Path) -> None:
    model = load(saved(CHAIN.proto, tmp_path, outside="weights.bin"))
    taps = tapped(model, ["c"])
    assert taps.folder == tmp_path
    assert len(taps.proto) < 1000
    assert_same(results(taps, FEEDS), results(tapped(CHAIN, ["c"]), FEEDS))


def test_what_a_branch_needs_is_kept() -> None:
    body = """c = Conv(x, w) flag = Constant <value = bool {1}> () f = Identity(flag)
        y = If (f) <then_branch = t () => (float[?, ?, ?, ?] a) { a = Neg(c) },
                    else_branch = e () => (float[?, ?, ?, ?] b) { b = Abs(x) }>"""
    assert_same(results(tapped(network(body), ["y"]), FEEDS), results(network(body), FEEDS))


@pytest.mark.parametrize("name", ["rr", "w", "a"])
def test_only_activations_outside_subgraphs_can_be_tapped(name: str) -> None:
    model = network("""r = Relu(x) f = Constant <value = bool {1}> ()
        y = If (f) <then_branch = t () => (float[?, ?, ?, ?] a) { a = Neg(r) },
                    else_branch = e () => (float[?, ?, ?, ?] b) { b = Conv(r, w) }>""")
    for call in (tapped, plan_taps):
        with pytest.raises(ModelError, match=f"the model has no activation called '{name}'"):
            call(model, [name])


def test_a_misspelt_tensor_is_guessed() -> None:
    with pytest.raises(ModelError) as refusal:
        plan_taps(network("features = Relu(x) y = Neg(features)"), ["feature"])
    assert refusal.value.hints == ("did you mean 'features'?",)


def test_rearrangements_are_known_from_their_source() -> None:
    model = network("r = Relu(x) t = Transpose <perm = [0, 2, 3, 1]> (r) f = Reshape(t, flat) y = Unsqueeze(f, axes)")
    plan = plan_taps(model, ["x", "r", "t", "f"])
    assert plan == TapPlan(tapped=("r",), inputs=("x",), derived={"t": ("r",), "f": ("r",)})


def test_what_is_rearranged_twice_is_looked_at_once() -> None:
    model = network("r = Relu(x) a = Reshape(r, flat) b = Flatten(r) y = Unsqueeze(b, axes)")
    assert plan_taps(model, ["a", "b"]) == TapPlan(tapped=("a",), inputs=(), derived={"b": ("a",)})


def test_a_concatenation_is_known_from_its_parts() -> None:
    model = network("a = Relu(x) b = Neg(x) c = Concat <axis = 1> (a, b, a) d = Concat <axis = 1> (c, x) y = Abs(d)")
    assert plan_taps(model, ["x", "a", "b", "c", "d"]) == TapPlan(
        tapped=("a", "b"), inputs=("x",), derived={"c": ("a", "b", "a"), "d": ("a", "b", "a", "x")}
    )


def test_a_concatenation_with_an_unknown_part_is_tapped() -> None:
    model = network("a = Relu(x) b = Neg(x) c = Concat <axis = 1> (a, b) d = Concat <axis = 0> (a, w) y = Abs(c)")
    assert plan_taps(model, ["a", "c"]).tapped == ("a", "c")
    assert plan_taps(model, ["a", "d"]).tapped == ("a", "d")


def test_parts_that_double_again_and_again_end_in_a_tap() -> None:
    lines = " ".join(f"c{n + 1} = Concat <axis = 1> (c{n}, c{n})" for n in range(20))
    plan = plan_taps(network(f"c0 = Relu(x) {lines} y = Abs(c20)"), [f"c{n}" for n in range(21)])
    assert len(plan.tapped) + len(plan.derived) == 21
    assert max(len(parts) for parts in plan.derived.values()) == MOST_SOURCES


STEPS = ("Relu", "Neg", "Transpose", "Flatten", "Concat", "Identity", "Sigmoid")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Model, list[str]]:
    """A network of up to ten steps, each from any earlier tensors, and some of its tensors."""
    made, lines = ["x"], []
    for number in range(draw(st.integers(1, 10))):
        step, first, second = (draw(st.sampled_from(options)) for options in (STEPS, made, made))
        line = {
            "Concat": f"u{number} = Flatten <axis = 0> ({first}) v{number} = Flatten <axis = 0> ({second}) "
            f"t{number} = Concat <axis = 1> (u{number}, v{number})",
            "Flatten": f"t{number} = Flatten <axis = 0> ({first})",
        }.get(step, f"t{number} = {step}({first})")
        lines.append(line)
        made.append(f"t{number}")
    wanted = draw(st.lists(st.sampled_from(made), min_size=1, unique=True))
    graph = f"g (float[2, 3] x) => (float[?, ?] y) {{ {' '.join(lines)} y = Neg({made[-1]}) }}"
    return from_proto(written(graph)), wanted


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_derived_tensors_hold_exactly_the_values_of_their_sources(case: tuple[Model, list[str]]) -> None:
    model, wanted = case
    feeds = {"x": random(2, 3)}
    plan = plan_taps(model, wanted)
    assert sorted([*plan.tapped, *plan.inputs, *plan.derived]) == sorted(wanted)
    counted = feeds | results(tapped(model, plan.tapped), feeds)
    for name, sources in plan.derived.items():
        values = results(tapped(model, [name]), feeds)[name]
        parts = np.concatenate([counted[source].reshape(-1) for source in sources])
        np.testing.assert_array_equal(np.sort(values, axis=None), np.sort(parts))
