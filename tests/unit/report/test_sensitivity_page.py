"""The heatmap of layers, as a page of its own and in the report."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from quantkit.core.sensitivity import Effect, Effects, Layer, Measure, Sensitivity
from quantkit.report._html import sensitivity, tradeoff
from quantkit.report._html.markup import Section
from quantkit.report._sensitivity_page import page
from tests import fake_comparison
from tests.unit.core.test_sensitivity_file import FOUND

HOSTILE = "conv\x1b[31m</script>"


def section(found: Sensitivity = FOUND) -> Section:
    made = sensitivity.section(found)
    assert made is not None
    return made


def drawn(found: Sensitivity = FOUND) -> Any:
    """The first figure: SQNR in graph order."""
    return section(found).figures["plot-sensitivity-graph-0"]


def test_there_is_a_heatmap_for_each_measure_in_both_orders() -> None:
    assert list(section().figures) == [f"plot-sensitivity-{order}-{n}" for order in ("graph", "worst") for n in (0, 1)]
    assert [trace["type"] for trace in drawn()["data"]] == ["heatmap", "scatter", "heatmap", "scatter", "bar", "bar"]


def test_numbers_stand_in_the_cells() -> None:
    _, alone, _, back, *_ = drawn()["data"]
    assert alone["text"] == ["50.00", "∞", "45.00"]
    assert back["text"] == ["+0.50", "+1.00"]
    assert (back["x"], back["y"]) == ([0, 2], [0, 0])


@pytest.mark.parametrize(("higher", "back"), [(True, "+0.00107"), (False, "−0.00107")], ids=["higher", "lower"])
def test_figures_without_a_unit_have_more_digits_and_better_is_positive(higher: bool, back: str) -> None:
    effects = {"near": Effects(Effect(both=0.99912), Effect(both=0.99951), 0.99844)}
    measure = Measure("near", "near", "", higher_is_better=higher, reference=None, everything=0.99844)
    found = replace(FOUND, measures=(measure,), layers=(Layer("a", "Conv", effects, 8),))
    _, alone, _, given_back, *_ = drawn(found)["data"]
    assert (alone["text"], given_back["text"]) == (["0.99912"], [back])


def test_layers_in_floats_are_hatched_and_have_no_cells() -> None:
    hatched = drawn()["data"][4]
    assert (hatched["y"], hatched["text"]) == ([1], ["excluded by name 'fc'"])
    assert hatched["marker"]["pattern"]["shape"] == "/"
    assert drawn()["data"][0]["z"][1] == [None, None, None]


@pytest.mark.parametrize(
    ("alone", "inks"),
    [([40.0, 60.0, 41.0], ["#000000", "#ffffff", "#000000"]), ([50.0, 50.1, 50.2], ["#ffffff"] * 3)],
    ids=["far apart", "nearly the same"],
)
def test_the_worst_is_bright_unless_all_are_alike(alone: list[float], inks: list[str]) -> None:
    effects = {"sqnr": Effects(Effect(*alone), Effect(), 30.0)}
    found = replace(FOUND, measures=FOUND.measures[:1], layers=(Layer("a", "Conv", effects, 8),))
    assert drawn(found)["data"][1]["textfont"]["color"] == inks


def test_what_was_not_measured_or_lost_nothing_is_drawn_without_complaint() -> None:
    nothing = {"sqnr": Effects(Effect(math.inf, None, math.inf), Effect(both=math.inf), math.inf)}
    layers = (Layer("a", "Conv", nothing, 8), Layer("b", "Conv"))
    found = replace(FOUND, measures=FOUND.measures[:1], layers=layers, points=(), order=())
    figure = drawn(found)
    assert figure["data"][1]["text"] == ["∞", "∞"]
    assert figure["data"][3]["text"] == ["0.00"]
    assert "NaN" not in json.dumps(figure)
    assert "Infinity" not in json.dumps(figure)


def test_a_network_without_measured_layers_has_no_section() -> None:
    assert sensitivity.section(None) is None
    assert sensitivity.section(replace(FOUND, layers=FOUND.layers[1:])) is None


def test_what_to_do_comes_first_and_the_networks_that_were_made_last() -> None:
    body = section().body
    assert body.index(
        "What to do: try other ranges first; or else leave the first layer of the list in FP32"
    ) < body.index('class="choice"')
    assert '<code class="flags">--exclude-nodes x</code>' in body
    assert body.index('class="choice"') < body.index("all: FP32")


def test_what_there_was_no_time_for_is_said_before_anything_else() -> None:
    body = section().body
    assert body.startswith("<p><strong>the time limit of 2 s ended the measuring, with 75 % of the runs done")
    assert "on 64 of 80 samples. Left: with this layer" in body
    assert '<code class="flags">quantkit sensitivity m.onnx --data &#x27;a &lt;/script&gt;&#x27;</code>' in body
    assert "time limit" not in section(replace(FOUND, extent=None)).body


def test_the_page_is_whole_and_names_are_text() -> None:
    text = page(FOUND)
    assert text.startswith("<!DOCTYPE html>")
    assert "\x1b" not in text
    assert text.count("</script>") == 3
    data = re.search(r'id="report-data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    labels = json.loads(data[1])["figures"]["plot-sensitivity-graph-0"]["layout"]["yaxis"]["ticktext"]
    assert labels == [f"{HOSTILE} (Conv)", "fc (Gemm)"]


def test_models_with_layers_left_out_stand_where_they_were_to_fp32() -> None:
    comparison = fake_comparison.comparison()
    timed = replace(FOUND, points=(FOUND.points[0], replace(FOUND.points[1], latency=FOUND.points[0].latency)))
    plain, more = tradeoff.section(comparison), tradeoff.section(comparison, timed)
    assert plain is not None
    assert more is not None
    before, after = (own.figures["plot-tradeoff"]["data"] for own in (plain, more))
    (point,) = after[len(before) :]
    fp32 = next(trace for trace in after if trace["name"] == comparison.reference.name)
    assert point["name"] == "mse minus 1"
    # As fast as FP32 was beside it, and 2 points below.
    assert point["x"] == fp32["x"]
    assert point["y"][0] == pytest.approx(fp32["y"][0] - 2.0, abs=1e-3)
    assert "measured by quantkit sensitivity" in more.body
