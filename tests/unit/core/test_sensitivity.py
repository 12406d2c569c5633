"""What a sensitivity says beyond its figures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from quantkit.core.comparison import MetricSummary
from quantkit.core.sensitivity import SQNR, Effect, Effects, Layer, Measure, Point, Sensitivity
from quantkit.core.sensitivity_advice import NOT_WON, WON, Advice

EVERYTHING = 30.0


def layer(name: str, alone: float | None, without: float | None, *, reason: str = "") -> Layer:
    if reason:
        return Layer(name, "Conv", reason=reason)
    effects = Effects(Effect(None, None, alone), Effect(None, None, without), EVERYTHING)
    return Layer(name, "Conv", {SQNR: effects}, 64)


def point(sqnr: float, *left_out: str) -> Point:
    return Point(left_out, "", (MetricSummary(SQNR, 64, sqnr, unit="dB"),), 1, 2, 3)


def sensitivity(
    layers: tuple[Layer, ...] = (), points: tuple[Point, ...] = (), order: tuple[str, ...] = ()
) -> Sensitivity:
    measure = Measure(SQNR, "SQNR", "dB", higher_is_better=True, reference=None, everything=EVERYTHING)
    return Sensitivity("0" * 64, "m.onnx", "ort-cpu", "max", "1" * 64, 64, (measure,), layers, order, points)


@pytest.mark.parametrize(
    ("without", "gained"),
    [(31.5, 1.5), (29.0, -1.0), (None, None), (math.inf, math.inf), (30.0, 0.0)],
    ids=["some", "less than nothing", "not measured", "all of it", "none"],
)
def test_what_is_given_back_is_the_distance_from_everything(without: float | None, gained: float | None) -> None:
    assert Effects(Effect(), Effect(both=without), EVERYTHING).gained == gained


def test_where_nothing_is_lost_nothing_is_given_back() -> None:
    assert Effects(Effect(), Effect(both=math.inf), math.inf).gained == 0


@pytest.mark.parametrize(("higher", "back"), [(True, 1.5), (False, -1.5)], ids=["higher is better", "lower is better"])
def test_what_is_given_back_is_positive_for_better(higher: bool, back: float) -> None:
    measure = Measure(SQNR, "SQNR", "dB", higher_is_better=higher, reference=None, everything=EVERYTHING)
    assert measure.given_back(Effects(Effect(), Effect(both=EVERYTHING + 1.5), EVERYTHING)) == back
    assert measure.given_back(Effects(Effect(), Effect(), EVERYTHING)) is None


def test_the_order_to_leave_out_comes_first_and_then_the_noisiest() -> None:
    found = sensitivity((layer("a", 50.0, 30.1), layer("b", 40.0, 30.1), layer("c", 60.0, 31.0)), order=("c",))
    assert [entry.node for entry in found.worst_first] == ["c", "b", "a"]


def test_layers_in_floats_already_are_no_measured_layers() -> None:
    found = sensitivity((layer("a", 50.0, 30.1), layer("b", None, None, reason="excluded")))
    assert [entry.node for entry in found.quantized] == ["a"]
    assert [entry.node for entry in found.worst_first] == ["a"]


def test_chance_is_how_far_layers_without_noise_of_their_own_move_it() -> None:
    quiet = (layer("a", 50.0, 30.3), layer("b", 55.0, 29.8), layer("c", 60.0, 30.1))
    assert sensitivity((*quiet, layer("d", 31.0, 35.0))).floor_db == pytest.approx(0.2)
    assert sensitivity((layer("d", 31.0, 35.0),)).floor_db is None


@pytest.mark.parametrize("taken", [(), ("a",), ("a", "b")], ids=["nothing", "one", "two"])
def test_the_network_to_take_is_that_of_the_advice(taken: tuple[str, ...]) -> None:
    points = (point(30), point(31, "a"), point(36, "a", "b"))
    found = replace(sensitivity(points=points), advice=Advice(WON if taken else NOT_WON, SQNR, taken))
    assert found.advised is (points[len(taken)] if taken else None)
    assert sensitivity(points=points).advised is None


def test_layers_that_there_was_no_time_for_are_told_from_those_measured_on_few_samples() -> None:
    quick, slow = layer("a", 50.0, 30.1), replace(layer("b", 40.0, 31.0), samples=8)
    found = sensitivity((quick, slow, Layer("c", "Conv"), layer("d", None, None, reason="excluded")))
    assert found.span == (8, 64)
    assert [entry.node for entry in found.unmeasured] == ["c"]


def test_a_notebook_shows_the_layers_and_escapes_their_names() -> None:
    shown = sensitivity((layer("<b>", 50.0, 30.25),))._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "0.25" in shown
