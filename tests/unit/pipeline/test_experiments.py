"""Every subset that a question needs, once."""

from __future__ import annotations

import pytest

from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.experiments import EVERYTHING, NOTHING, experiments
from tests.onnx_models import random, written
from tests.quantization import ready, with_ranges

MODEL = ready(
    written(
        "g (float[n, 4, 8, 8] x) => (float[n, 4, 8, 8] y) {"
        " [a] c = Conv(x, u) r = Relu(c) [b] d = Conv(r, v) [sum] y = Add(r, d) }",
        u=random(4, 4, 1, 1),
        v=random(4, 4, 1, 1, seed=1),
    )
)


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_subsets_differ_and_answer_every_question(target: str) -> None:
    placed = LayeredPlacement(MODEL, target)
    plan = experiments(placed)
    assert len(set(plan.subsets)) == len(plan.subsets)
    assert (plan.subsets[NOTHING], plan.subsets[EVERYTHING]) == (frozenset(), placed.sites)
    for number, layer in enumerate(plan.layers):
        found = plan.of_layer(number)
        assert plan.subsets[found["only", "both"]] == layer.brings
        assert plan.subsets[found["all_but", "both"]] == placed.sites - layer.takes
        for mode, part in found:
            kept = plan.subsets[found[mode, part]] if mode == "only" else placed.sites - plan.subsets[found[mode, part]]
            assert part == "both" or {site.is_constant for site in kept} == {part == "weights"}
    assert sorted(plan.by_importance) == list(range(len(plan.subsets)))


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_the_choices_of_a_subset_are_its_readings(target: str) -> None:
    placed = LayeredPlacement(MODEL, target)
    plan = experiments(placed)
    codes = placed.codes(with_ranges(MODEL, dict.fromkeys(placed.placement.tensors, (-1.0, 1.0))))
    choices, chosen = plan.choices(codes)
    assert len(choices) <= len(placed.sites)
    for subset, numbers in zip(plan.subsets, chosen, strict=True):
        read = {(choices[number].tensor, slot) for number in numbers for slot in choices[number].readers or (None,)}
        everyone = {tensor for tensor, slot in read if slot is None}
        named = {(site.tensor, site.reader) for site in subset if site.tensor not in everyone}
        assert {entry for entry in read if entry[1] is not None} == named
        assert everyone == {site.tensor for site in subset if site.reader is None}
