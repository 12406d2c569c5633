"""What each layer costs, against the same worked out the long way."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quantkit.core.arrays import Array
from quantkit.core.calibration import Calibration
from quantkit.core.errors import ArtifactError, DataError, TooLittleError, UsageError
from quantkit.core.sensitivity import SQNR, Effects, Sensitivity
from quantkit.core.sensitivity_advice import KEPT, UNSEEN, Advice
from quantkit.graph.codes.weights import QuantizedConstant
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.graph.quantized_layers import LayeredPlacement
from quantkit.pipeline.estimating import estimated
from quantkit.pipeline.quantizing import quantize
from quantkit.pipeline.sensing import Sensing
from quantkit.pipeline.sensitivity import sensitivity
from quantkit.report._sensitivity_text import left_undone
from tests.fake_comparison import FakeSource
from tests.onnx_models import random, results, written
from tests.quantization import calibrated, ready, sqnr_db, with_ranges

CNN = ready(
    written(
        "g (float[n, 3, 8, 8] x) => (float[n, 4] y) {"
        " [a] c = Conv<pads = [1, 1, 1, 1]>(x, u) r = Relu(c) [b] d = Conv<pads = [1, 1, 1, 1]>(r, v) s = Relu(d)"
        " [pool] p = GlobalAveragePool(s) f = Flatten(p) [fc] y = Gemm(f, w) }",
        u=random(6, 3, 3, 3),
        v=random(8, 6, 3, 3, seed=1),
        w=random(8, 4, seed=2),
    )
)
INPUTS = random(12, 3, 8, 8, seed=3)
QUICK = Sensing(stopwatch=None, reduce_range=False)


def ranges(model: Model, inputs: Array = INPUTS, target: str = "ort-cpu") -> Calibration:
    """The smallest and largest value of everything that leaving layers out may need, too."""
    names = {layer.node for layer in LayeredPlacement(model, target).layers}
    placements = [place(model, target)]
    placements += [place(model, target, Exclusion(nodes=nodes)) for nodes in itertools.permutations(names, 1)]
    found = [calibrated(model, placement, [{"x": inputs}]) for placement in placements]
    return replace(found[0], tensors={name: own for each in found for name, own in each.tensors.items()})


def measured(how: Sensing = QUICK, batch: int = 5, labels: Any = None, **changed: Any) -> Sensitivity:
    return sensitivity(CNN, ranges(CNN), FakeSource(INPUTS, labels, batch), how=replace(how, **changed))


@pytest.fixture(scope="module")
def found() -> Sensitivity:
    return measured()


def effects(found: Sensitivity, node: str) -> Effects:
    return next(layer.effects[SQNR] for layer in found.layers if layer.node == node)


def test_weights_alone_cost_what_a_model_with_rounded_weights_loses(found: Sensitivity) -> None:
    placed = LayeredPlacement(CNN, "ort-cpu")
    exact = results(CNN, {"x": INPUTS})
    for site, codes in placed.codes(ranges(CNN)).items():
        if not isinstance(codes, QuantizedConstant):
            continue
        rounded = codes.codes * codes.scale.reshape(
            [-1 if place == codes.axis else 1 for place in range(codes.codes.ndim)]
        )
        proto = type(CNN.proto)()
        proto.CopyFrom(CNN.proto)
        tensor = next(own for own in proto.graph.initializer if own.name == site.tensor)
        tensor.raw_data = rounded.astype(np.float32).tobytes()
        assert site.reader is not None
        layer = next(own.node for own in placed.layers if own.position == site.reader.node)
        expected = sqnr_db(exact, results(proto, {"x": INPUTS}))
        assert effects(found, layer).only.weights == pytest.approx(expected, abs=0.01)


def test_everything_costs_nearly_what_the_integer_model_loses(found: Sensitivity) -> None:
    real = found.points[0].metric(SQNR)
    assert real is not None
    # Integer kernels round products that are added up here in floats; both have the same codes at both ends.
    assert found.measures[0].everything == pytest.approx(real.candidate, abs=1.5)


def test_questions_that_make_no_sense_have_no_answer(found: Sensitivity) -> None:
    assert effects(found, "pool").only.weights is None
    assert effects(found, "pool").all_but.weights is None
    assert effects(found, "fc").all_but.weights is not None


def test_the_only_layer_alone_is_everything() -> None:
    model = ready(written("g (float[n, 4] x) => (float[n, 3] y) { [fc] y = Gemm(x, w) }", w=random(4, 3)))
    inputs = random(9, 4, seed=1)
    one = sensitivity(model, ranges(model, inputs), FakeSource(inputs, batch=4), how=QUICK)
    (layer,) = one.layers
    assert layer.effects[SQNR].only.both == one.measures[0].everything == layer.effects[SQNR].everything
    assert layer.effects[SQNR].all_but.both == math.inf
    assert one.order == ()
    assert len(one.points) == 1


def test_batches_do_not_matter(found: Sensitivity) -> None:
    other = measured(batch=12)
    assert other.order == found.order
    for mine, theirs in zip(found.layers, other.layers, strict=True):
        assert mine.samples == theirs.samples == 12
        for mode in ("only", "all_but"):
            for part in ("weights", "activations", "both"):
                first, second = (getattr(getattr(own.effects[SQNR], mode), part) for own in (mine, theirs))
                assert first == pytest.approx(second, abs=1e-3)


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_scales_that_represent_every_value_cost_nothing(target: str) -> None:
    # Small integers, and in each column of weights the largest code, for a channel that is always 0.
    first, second = (np.random.default_rng(seed).integers(0, 2, (6, 6)).astype(np.float32) for seed in (1, 2))
    for weight in (first, second):
        weight[0] = 127
        weight[1:, 0] = 0
    model = ready(
        written("g (float[n, 6] x) => (float[n, 6] y) { [a] c = MatMul(x, u) [b] y = MatMul(c, w) }", u=first, w=second)
    )
    inputs = np.random.default_rng(3).integers(0, 20, (10, 6)).astype(np.float32)
    inputs[:, 0] = 0
    limit = 255.0 if target == "ort-cpu" else 127.0
    exact = with_ranges(model, dict.fromkeys(("x", "c"), (0.0, limit)), symmetric=target == "tensorrt")
    lossless = sensitivity(model, exact, FakeSource(inputs, batch=4), how=replace(QUICK, target=target))
    assert lossless.measures[0].everything == math.inf
    for layer in lossless.layers:
        own = layer.effects[SQNR]
        assert {own.only.weights, own.only.activations, own.only.both, own.all_but.both} == {math.inf}
        assert own.gained == 0
    assert lossless.order == ()
    assert lossless.advice == Advice(KEPT, SQNR)


@pytest.mark.parametrize("node", ["a", "b", "fc"])
def test_a_weight_whose_scale_is_spoiled_comes_first(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = LayeredPlacement.codes

    def spoiled(self: LayeredPlacement, *args: Any, **options: Any) -> Any:
        position = next(layer.position for layer in self.layers if layer.node == node)
        found = honest(self, *args, **options)
        for site, codes in found.items():
            if isinstance(codes, QuantizedConstant) and site.reader is not None and site.reader.node == position:
                found[site] = codes._replace(scale=codes.scale * np.float32(4))
        return found

    monkeypatch.setattr(LayeredPlacement, "codes", spoiled)
    found = measured()
    assert found.order[0] == node
    assert found.worst_first[0].node == node
    own = effects(found, node)
    assert own.only.weights is not None
    assert own.only.activations is not None
    assert own.only.weights < own.only.activations
    gained = {layer.node: layer.effects[SQNR].gained or 0.0 for layer in found.layers}
    assert max(gained, key=lambda name: gained[name]) == node


def test_points_are_the_models_that_their_flags_make(found: Sensitivity, tmp_path: Any) -> None:
    assert [len(point.left_out) for point in found.points] == [0, 1, 2]
    for point in found.points:
        assert point.left_out == found.order[: len(point.left_out)]
        assert point.flags == (f"--exclude-nodes {' '.join(point.left_out)}" if point.left_out else "")
        nodes = Exclusion(nodes=point.left_out)
        made = quantize(CNN, ranges(CNN), to=tmp_path / "m.onnx", exclude=nodes, reduce_range=False)
        assert point.size_bytes == made.path.stat().st_size
    assert found.points[0].integer == found.points[0].nodes
    assert found.points[1].integer < found.points[1].nodes


def test_what_was_excluded_anyway_stays_in_the_flags() -> None:
    found = measured(exclude=Exclusion(nodes=("fc",), ops=("GlobalAveragePool",)))
    assert {layer.node for layer in found.layers if layer.reason} == {"pool", "fc"}
    assert found.points[0].flags == "--exclude-nodes fc --exclude-ops GlobalAveragePool"
    assert found.points[-1].flags.startswith("--exclude-nodes fc ")


def test_a_metric_is_measured_for_every_layer() -> None:
    labels = results(CNN, {"x": INPUTS})["y"].argmax(axis=1)
    found = measured(metrics=("top1",), labels=labels)
    sqnr, top1 = found.measures
    assert (sqnr.name, top1.name, top1.reference, top1.unit) == ("sqnr", "top1", 1.0, "share")
    for layer in found.layers:
        assert layer.effects["top1"].everything == top1.everything
    point = found.points[0].metric("top1")
    assert point is not None
    assert point.difference is not None


def test_another_runtimes_models_are_not_timed() -> None:
    symmetric = replace(ranges(CNN, target="tensorrt"), symmetric=True)
    found = sensitivity(CNN, symmetric, FakeSource(INPUTS), how=Sensing(target="tensorrt"))
    assert found.reference_latency is None
    assert [layer.node for layer in found.layers] == ["a", "b", "fc"]
    assert (found.points[0].integer, found.points[0].nodes) == (3, 3)


def test_the_processors_own_models_are_timed() -> None:
    found = measured(stopwatch=replace(Sensing().stopwatch or None, rounds=10, warmup=1))  # type: ignore[type-var]
    assert found.reference_latency is not None
    assert all(point.latency is not None for point in found.points)


def test_no_more_samples_are_read_than_asked_for() -> None:
    assert measured(samples=7).samples == 7
    assert measured(samples=None).samples == 12


def test_time_that_is_over_leaves_the_worst_known_best() -> None:
    # Two rounds take about this many ticks of a clock that ticks whenever it is looked at.
    found = measured(limit_s=120.0, clock=itertools.count(0.0, 1.0).__next__, batch=2)
    samples = [layer.samples for layer in found.worst_first if layer.samples]
    assert min(samples) < max(samples) <= 12
    noisiest = min(found.layers, key=lambda layer: layer.effects[SQNR].only.both or math.inf)
    assert noisiest.samples == max(samples)
    assert found.extent is not None
    assert (found.extent.is_cut_short, found.extent.samples, found.extent.partly) == (True, 12, ())
    assert found.extent.of_runs is not None
    assert found.extent.runs < found.extent.of_runs
    assert found.points


def test_a_first_look_that_is_cut_short_says_what_is_missing() -> None:
    found = measured(limit_s=24.0, clock=itertools.count(0.0, 1.0).__next__)
    assert found.extent is not None
    # How the layers do alone is asked first, so that there is something of every layer that had its turn.
    assert set(found.extent.partly) | {layer.node for layer in found.unmeasured} == {"a", "b", "pool", "fc"}
    assert any(own.only.both is not None for layer in found.layers for own in layer.effects.values())


def test_the_comparison_is_within_the_time_on_fewer_samples() -> None:
    cut = measured(limit_s=120.0, clock=itertools.count(0.0, 1.0).__next__, batch=2)
    (compared,) = {summary.samples for point in cut.points for summary in point.metrics}
    assert 8 <= compared < 12
    assert cut.extent is not None
    assert cut.extent.limit_s == 120.0
    assert cut.extent.seconds < 120.0
    assert f"compared: on {compared} of 12 samples, for which there was time" in left_undone(cut)


def test_named_metrics_come_besides_those_that_apply() -> None:
    labels = results(CNN, {"x": INPUTS})["y"].argmax(axis=1)
    plain, named = measured(labels=labels), measured(labels=labels, metrics=("cosine",))
    assert [measure.name for measure in named.measures] == [SQNR, "cosine"]
    assert {own.metric for own in named.points[0].metrics} == {own.metric for own in plain.points[0].metrics}
    assert named.points[0].metric("top1") is not None
    assert named.advice == plain.advice


def test_tensors_that_the_ranges_saturate_are_kept_in_mind() -> None:
    known = ranges(CNN)
    name = next(iter(known.tensors))
    saturated = replace(known, tensors={**known.tensors, name: replace(known.tensors[name], notes=("over-clipped",))})
    assert sensitivity(CNN, saturated, FakeSource(INPUTS), how=QUICK).over_clipped == (name,)
    assert sensitivity(CNN, known, FakeSource(INPUTS), how=QUICK).over_clipped == ()


def test_what_there_was_time_for_is_all_of_it(found: Sensitivity) -> None:
    assert found.extent is not None
    assert not found.extent.is_cut_short
    assert (found.extent.samples, found.extent.partly) == (12, ())
    assert found.extent.runs == found.extent.of_runs
    assert found.span == (12, 12)


def test_labels_decide_what_to_do() -> None:
    labels = results(CNN, {"x": INPUTS})["y"].argmax(axis=1)
    unlabelled, labelled = measured().advice, measured(labels=labels).advice
    assert unlabelled is not None
    assert unlabelled.metric == SQNR
    assert labelled is not None
    # So few samples show no loss.
    assert (labelled.metric, labelled.finding, labelled.left_out) == ("top1", UNSEEN, ())


@pytest.mark.parametrize(
    ("how", "labels", "message"),
    [
        ({"limit_s": 0.0}, None, "the time was over before any layer was measured"),
        ({"exclude": Exclusion(ops=("Conv", "Gemm"))}, None, "no layer of the model becomes INT8 for ort-cpu"),
    ],
    ids=["no time", "everything excluded"],
)
def test_measuring_nothing_is_refused(how: dict[str, Any], labels: Any, message: str) -> None:
    with pytest.raises(TooLittleError, match=message):
        measured(labels=labels, **how)


def test_a_metric_without_its_labels_is_refused() -> None:
    with pytest.raises(UsageError, match="the metric 'top1' does not apply: no labels to judge by"):
        measured(metrics=("top1",))


def test_a_metric_whose_labels_are_no_classes_is_refused_as_data() -> None:
    with pytest.raises(DataError, match=r"the metric 'top1' does not apply: label 99 of .* is no class") as refusal:
        measured(metrics=("top1",), labels=np.full(len(INPUTS), 99))
    assert refusal.value.code == "QK2286"


def test_outputs_without_any_signal_are_refused() -> None:
    model = ready(
        written(
            "g (float[n, 4] x) => (int64[n] y) { c = Gemm(x, w) y = ArgMax<axis = 1, keepdims = 0>(c) }", w=random(4, 3)
        )
    )
    inputs = random(9, 4)
    with pytest.raises(TooLittleError, match="no layer's effect can be measured"):
        sensitivity(model, ranges(model, inputs), FakeSource(inputs), how=QUICK)


def test_ranges_of_another_model_are_refused_before_any_work() -> None:
    other = ready(written("g (float[n, 4] x) => (float[n, 3] y) { y = Gemm(x, w) }", w=random(4, 3)))
    with pytest.raises(ArtifactError, match="the calibration belongs to another model"):
        sensitivity(CNN, ranges(other, random(3, 4)), FakeSource(INPUTS), how=QUICK)


def test_progress_counts_samples_run() -> None:
    heard: list[tuple[int, int | None]] = []
    sensitivity(CNN, ranges(CNN), FakeSource(INPUTS, batch=5), how=QUICK, progress=lambda *at: heard.append(at))
    told = estimated(CNN, FakeSource(INPUTS, batch=5), how=QUICK)
    assert heard[-1] == (12 * (told.subsets - 1), 12 * (told.subsets - 1))
