"""What a sensitivity says to do, and what it says was not measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantkit.core.comparison import Interval, Latency, MetricSummary
from quantkit.core.leads import Margin
from quantkit.core.sensitivity import SQNR, Effect, Effects, Layer, Measure, Point, Sensitivity
from quantkit.core.sensitivity_advice import KEPT, NOT_WON, UNSEEN, WON, Advice
from quantkit.core.sensitivity_extent import Extent
from quantkit.report._sensitivity_text import counsel, left_undone, samples

LOSS = Interval(-0.05, -0.08, -0.02)
GAINS = {"top1": Margin(0.04, 0.01), SQNR: Margin(3.3, 2.9)}


def timed(p50_ms: float) -> Latency:
    return Latency(p50_ms, p50_ms, 200, 1, 10, (p50_ms,) * 10, (p50_ms,) * 10)


def layer(name: str, counted: int) -> Layer:
    effects = Effects(Effect(both=30.0), Effect(both=31.0), 29.0)
    return Layer(name, "Conv", {SQNR: effects} if counted else {}, counted)


def point(*left_out: str, loss: Interval | None = LOSS, p50_ms: float = 1.0) -> Point:
    noise = MetricSummary(SQNR, 200, 30.0, unit="dB", title="SQNR", interval=Interval(30.0, 29.0, 31.0))
    right = MetricSummary("top1", 200, 0.7, 0.75, loss, unit="share", title="top-1")
    flags = f"--exclude-nodes {' '.join(left_out)}" if left_out else ""
    return Point(left_out, flags, (right, noise) if loss else (noise,), 9 - len(left_out), 9, 1000, timed(p50_ms))


def sensitivity(advice: Advice | None = None, *, labels: bool = True, p50_ms: float = 1.0) -> Sensitivity:
    loss = LOSS if labels else None
    return Sensitivity(
        "0" * 64,
        "m.onnx",
        "ort-cpu",
        "mse",
        "1" * 64,
        64,
        (Measure(SQNR, "SQNR", "dB", higher_is_better=True, reference=None, everything=29.0),),
        (layer("a", 64), layer("b", 16), layer("c", 0)),
        order=("a", "b"),
        points=(point(loss=loss, p50_ms=p50_ms), point("a", "b", loss=loss, p50_ms=1.5 * p50_ms)),
        advice=advice,
        reference_latency=timed(2.0),
    )


def said(found: Sensitivity) -> str:
    told = counsel(found)
    assert told is not None
    return "\n".join([told.headline, *told.reasons, told.meant, told.flags])


def test_a_gain_that_is_shown_comes_with_its_proof_its_price_and_its_flags() -> None:
    told = counsel(sensitivity(Advice(WON, "top1", ("a", "b"), gains=GAINS)))
    assert told is not None
    assert told.headline == "leave the first 2 layers in FP32"
    assert told.reasons == (
        "top-1 of INT8 as it is, against FP32: −5.00 pp [−8.00, −2.00] on 200 samples",
        "what that gives back: top-1 +4.00 pp (at least +1.00 pp), SQNR +3.30 dB in the median sample "
        "(at least +2.90 dB)",
        "what that costs: 7 of 9 nodes in INT8 instead of 9, 1.50× the latency (1.500 ms instead of 1.000 ms)",
    )
    assert told.meant == "with quantkit calibrate or quantize --target ort-cpu"
    assert told.flags == "--exclude-nodes a b"


def test_without_labels_it_says_what_would_tell_whether_noise_matters() -> None:
    found = sensitivity(Advice(WON, SQNR, ("a", "b"), gains={SQNR: Margin(3.3, 2.9)}), labels=False)
    assert "whether the noise costs accuracy, only labels tell: --labels" in said(found)
    assert "against FP32" not in said(found)


def test_a_network_that_is_no_faster_than_fp32_is_said_to_be() -> None:
    advice = Advice(WON, "top1", ("a", "b"), gains=GAINS)
    assert "not shown to be faster" not in said(sensitivity(advice))
    slow = said(sensitivity(advice, p50_ms=2.0))
    assert (
        "it is not shown to be faster than FP32 on this machine: 1.50× its latency (1.50× to 1.50×, 95 % interval)"
        in slow
    )


def test_accuracy_that_is_kept_needs_nothing() -> None:
    kept = sensitivity(Advice(KEPT, "top1", tolerance=0.0075), p50_ms=3.0)
    assert counsel(kept) == (
        "nothing needs to be left out: INT8 as it is keeps top-1",
        (
            "top-1 of INT8 as it is, against FP32: −5.00 pp [−8.00, −2.00] on 200 samples; "
            "up to 0.75 pp counts as harmless: 1 % of FP32's",
            "INT8 as it is gains no speed on this machine: 1.50× the latency of FP32",
        ),
        "",
        "",
    )


def test_answers_that_are_the_same_need_nothing() -> None:
    assert said(sensitivity(Advice(KEPT, SQNR), labels=False)).startswith(
        "nothing needs to be left out: INT8 as it is answers just as FP32 does"
    )


@pytest.mark.parametrize("reserve", [(), ("a", "b")], ids=["none", "two"])
def test_a_loss_that_is_not_shown_may_still_be_there(reserve: tuple[str, ...]) -> None:
    gains = {"top1": Margin(0.01, -0.01)} if reserve else {}
    found = said(sensitivity(Advice(UNSEEN, "top1", (), reserve, gains, 0.0075)))
    assert found.startswith("nothing needs to be left out, as far as these samples show")
    assert "a loss of up to 8.00 pp remains possible: more samples tell (--max-samples)" in found
    assert ("should they show a loss, with quantkit calibrate or quantize" in found) == bool(reserve)
    assert ("top-1 +1.00 pp (not shown)" in found) == bool(reserve)


def test_a_loss_that_nothing_gives_back_leads_elsewhere() -> None:
    found = said(sensitivity(Advice(NOT_WON, "top1")))
    assert found.startswith("INT8 loses top-1, but leave nothing out: that it gives anything back is not shown")
    assert "what may help: other ranges (--method mse" in found
    assert said(sensitivity(Advice(NOT_WON, SQNR), labels=False)).startswith("leave nothing out: that it gives")


def test_what_is_worth_a_try_has_its_flags() -> None:
    found = said(sensitivity(Advice(NOT_WON, "top1", (), ("a", "b"), {"top1": Margin(0.01, -0.01)})))
    assert "what leaving the first 2 layers in FP32 gives back: top-1 +1.00 pp (not shown)" in found
    assert found.endswith("to try it, with quantkit calibrate or quantize --target ort-cpu\n--exclude-nodes a b")


def test_without_advice_nothing_is_said() -> None:
    assert counsel(sensitivity()) is None
    assert counsel(sensitivity(Advice(WON, "psnr", ("a", "b")))) is None


def test_what_was_measured_whole_is_told_by_one_number() -> None:
    found = sensitivity()
    assert samples(found) == "64 samples"
    assert left_undone(found) == ()
    assert left_undone(replace(found, extent=Extent(64, 800, 800, 1.0))) == ()


def test_layers_that_were_not_measured_are_named_and_the_order_is_doubted() -> None:
    cut = replace(sensitivity(), extent=Extent(64, 300, 800, 2.0, limit_s=2.0, partly=("b",)))
    assert samples(cut) == "16 to 64 of 64 samples"
    assert left_undone(cut) == (
        "the time limit of 2 s ended the measuring, with 37 % of the runs done",
        "measured: 2 of 3 layers, on 16 to 64 of 64 samples each, the noisiest on most",
        "not measured: c; any of them may cost more than those shown",
        "measured in part, the rest shown as –: b",
        "the order is that of what was measured: with more time, another layer may come first",
    )


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((64, 16), "but where figures are close, more samples may change it"), ((16, 16), "on fewer samples than there")],
    ids=["unequal", "equal"],
)
def test_fewer_samples_only_blur_the_order(counts: tuple[int, int], expected: str) -> None:
    layers = tuple(layer(name, count) for name, count in zip("ab", counts, strict=True))
    cut = replace(sensitivity(), layers=layers, extent=Extent(None, 300, None, 2.0, limit_s=2.0))
    head, *_, last = left_undone(cut)
    assert head == "the time limit of 2 s ended the measuring"
    assert last.startswith("the order is of all layers")
    assert expected in last


def test_a_comparison_on_fewer_samples_for_want_of_time_is_told() -> None:
    cut = replace(sensitivity(), extent=Extent(400, 300, 800, 2.0, limit_s=2.0))
    assert "compared: on 200 of 400 samples, for which there was time" in left_undone(cut)


@pytest.mark.parametrize(
    "advice",
    [
        Advice(WON, SQNR, ("a", "b"), gains={SQNR: Margin(3.3, 2.9)}),
        Advice(UNSEEN, "top1", (), ("a", "b"), GAINS, 0.0075),
        Advice(NOT_WON, "top1"),
    ],
    ids=lambda advice: advice.finding,
)
def test_where_much_saturates_another_rule_comes_first(advice: Advice) -> None:
    plain = replace(sensitivity(advice), path="a model.onnx", target="tensorrt", rule="percentile")
    found = said(replace(plain, over_clipped=("relu6", "add")))
    assert "by the ranges of percentile, much of the energy saturates in relu6, add" in found
    assert "quantkit calibrate 'a model.onnx' --data DATA --method mse,max --target tensorrt" in found
    assert found.startswith("try other ranges first; or else leave") == (advice.finding == WON)
    assert "saturates" not in said(plain)
    assert "--data DATA" not in said(plain)


def test_where_nothing_is_lost_no_other_rule_is_needed() -> None:
    found = replace(sensitivity(Advice(KEPT, "top1", tolerance=0.0075)), over_clipped=("relu6",))
    assert "saturates" not in said(found)
