"""The page: whole, offline, and safe whatever anything is called."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import plotly.offline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core.errors import SetupError
from quantkit.core.evidence import Curve, Evidence, Spread
from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.core.ranges import Range
from quantkit.core.text import printable
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.pipeline.evidence import alternatives
from quantkit.report._html.tensors import bars
from quantkit.report.html import HtmlRenderer
from tests.conformance.test_renderers import ANY_NAME, NAMED, renamed
from tests.dossier import evidence, flipped, judgement
from tests.fake_comparison import comparison
from tests.histograms import KINDS, counted, drawn

LIBRARY = plotly.offline.get_plotlyjs()
TENSORS = [f"backbone/stage{number}/conv/Conv_output_0" for number in range(3)]


class Page(HTMLParser):
    """Elements, their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def ids(self) -> list[str]:
        return [own["id"] or "" for _, own in self.elements if "id" in own]


def page(*, whole: bool = True) -> Page:
    found = flipped()
    return Page(HtmlRenderer(evidence(found, TENSORS)).render(found) if whole else HtmlRenderer().render(found))


def test_every_section_is_there_and_can_be_reached() -> None:
    shown = page()
    anchors = ["verdict", "tradeoff", "layers", "activations", "weights", "samples", "coverage", "origin", "advice"]
    assert [own["id"] for tag, own in shown.elements if tag == "section"] == anchors
    assert {f"#{anchor}" for anchor in anchors} <= {own.get("href") for tag, own in shown.elements if tag == "a"}
    assert len(shown.ids()) == len(set(shown.ids()))


def test_without_evidence_the_run_alone_is_shown() -> None:
    shown = page(whole=False)
    assert [own["id"] for tag, own in shown.elements if tag == "section"] == [
        "verdict", "tradeoff", "samples", "coverage", "origin"
    ]  # fmt: skip


def test_every_plot_has_its_numbers_in_a_table() -> None:
    shown = HtmlRenderer(evidence(comparison(), TENSORS)).render(comparison()).replace(LIBRARY, "")
    figures = re.findall(r"<figure>.*?</figure>", shown, re.DOTALL)
    assert len(figures) >= 5
    assert all("<details" in figure and "<figcaption" in figure for figure in figures)


def test_verdicts_are_words_and_limits_are_marked() -> None:
    text = HtmlRenderer(evidence(comparison(), TENSORS)).render(comparison())
    assert all(word in text for word in ("✓ PASS", "✗ FAIL", "? INCONCLUSIVE"))
    assert 'class="delta"' in text
    assert "the dashed one the limit of +0.96 pp" in text


def test_the_candidate_to_take_stands_beside_the_verdicts() -> None:
    shown = judgement(comparison())
    text = HtmlRenderer(Evidence(judgement=shown)).render(comparison())
    assert text.index("closest to fp32: entropy") < text.index("<details")
    assert text.count("closest to fp32: entropy") == 1
    assert "<ul></ul>" not in HtmlRenderer(Evidence(judgement=shown)).render(replace(comparison(), leads=()))


def test_the_command_line_stands_with_the_origin() -> None:
    assert "quantkit calibrate model.onnx --data &#x27;my images&#x27;" in HtmlRenderer().render(comparison())


def test_every_figure_of_a_check_stands_in_its_line() -> None:
    shown = page().text
    for heading in ("FP32", "INT8", "drop", "bounds and limit δ", "limit δ", "n", "flips − / +", "MDE"):
        assert heading in shown
    assert "+1.00 pp" in shown
    assert "−0.20 pp to +2.00 pp" in shown
    assert "INT8 is shown to lose more than its limit allows in 1 of 3 checks." in shown


def test_a_run_without_a_verdict_says_why() -> None:
    whole = comparison()
    why = "not judged: there is no accuracy to judge"
    shown = HtmlRenderer(Evidence(judgement=Judgement(whole, (), notes=(why,)))).render(whole)
    assert "– NOT JUDGED" in shown
    assert why in shown
    assert "no difference in top-1 is shown" in shown


def test_flips_and_the_detectable_drop_are_told_where_they_are_known() -> None:
    whole = comparison()
    facts = {"regressed": 6.0, "fixed": 3.0, "minimum_detectable_drop": 0.025}
    check = replace(judgement(whole).checks[0], facts=facts)
    shown = HtmlRenderer(Evidence(judgement=Judgement(whole, (check,)))).render(whole)
    assert "6 / 3 (3.0 %)" in shown
    assert "2.50 pp" in shown


def test_a_limit_on_a_single_figure_has_no_picture() -> None:
    whole = comparison()
    check = Check("max", "latency-p50", "fp32", Verdict.FAIL, 100, 2.0, 1.0, limit=1.05, unit="ms", reason="slower")
    shown = HtmlRenderer(Evidence(judgement=Judgement(whole, (check,)))).render(whole)
    assert "2.000 ms" in shown
    assert "1.050 ms" in shown
    assert 'class="delta"' not in shown.partition("</style>")[2].partition("<script")[0]


def data_of(text: str) -> dict[str, Any]:
    """What the page's script draws."""
    data: dict[str, Any] = json.loads(Page(text.replace(LIBRARY, "")).scripts[0])
    return data


def test_nodes_in_floating_point_stand_among_the_layers_in_graph_order() -> None:
    whole = comparison()
    layers = tuple(LayerError(f"t{number}", "Conv", 30.0, 20.0, node=f"/stage{number}/Conv") for number in (0, 8))
    softmax = LayerError("probabilities", "Softmax", 30.0, 20.0, node="/head/Softmax")
    errors = LayerErrors("f" * 64, "a" * 64, 8, 0, (*layers, softmax))
    rows = data_of(HtmlRenderer(Evidence(layers={"max": errors})).render(whole))["layers"][0]
    assert [(name, left, measured) for name, _, _, _, _, left, measured in rows] == [
        ("t0", "", True),
        ("t8", "", True),
        ("probabilities", "fp32: its inputs are not quantized", True),
        ("/stage0/Add", "fp32: its inputs differ", False),
        ("/stage1/Add", "fp32: its inputs differ", False),
        ("/stage2/Add", "fp32: its inputs differ", False),
    ]


def test_the_order_of_layers_is_chosen_by_the_style_sheet_alone() -> None:
    shown = page()
    choices = [own["id"] for tag, own in shown.elements if tag == "input" and own.get("name") == "layers-order"]
    assert choices == ["layers-graph", "layers-worst"]
    assert {"plot-layers", "plot-layers-worst"} <= set(shown.ids())
    style = (files("quantkit.report._html") / "report.css").read_text("utf-8")
    script = (files("quantkit.report._html") / "report.js").read_text("utf-8")
    assert "#layers-worst:checked ~ .by-graph" in style
    assert "layers-order" not in script


def test_a_histogram_tells_all_rules_and_what_it_knows_of_denormals() -> None:
    whole = flipped()
    full = evidence(whole, TENSORS)
    assert full.statistics is not None
    shown = replace(full, alternatives=alternatives(full.statistics, full.calibrations.values()))
    tensor = data_of(HtmlRenderer(shown).render(whole))["tensors"][0]
    assert [(rule, used) for rule, *_, used in tensor["rules"]] == [
        ("max", True), ("entropy", True), ("mse (not used)", False), ("percentile (not used)", False)
    ]  # fmt: skip
    histogram = full.statistics.histograms[tensor["name"]]
    assert tensor["smallest"][0] == histogram.positive[0] + histogram.negative[0]


def advised(**changes: Any) -> str:
    full = evidence(comparison(), TENSORS)
    return Page(HtmlRenderer(replace(full, **changes)).render(comparison()).replace(LIBRARY, "")).text


def test_what_stands_out_is_said_with_a_remedy() -> None:
    weights = (Spread("dw", "Conv", 8, (0.0, 0.01, 0.02, 0.5, 1.0), is_depthwise=True),)
    told = advised(weights=weights)
    assert "A scale for each channel is worth more than 3 bits in dw: keep it." in told
    assert "Some output channels are all zeros in dw" in told
    assert "Depthwise convolutions lose most in INT8" in told
    assert "try --method percentile for them" in told


def test_the_first_layer_is_named_where_it_loses_most() -> None:
    layers = tuple(LayerError(f"t{number}", "Conv", 25.0 + number, 20.0) for number in range(8))
    told = advised(layers={"max": LayerErrors("f" * 64, "a" * 64, 8, 0, layers)})
    assert "max: the first layer, t0, is among the 3 that lose most by themselves." in told
    assert "the last layer" not in told


def test_a_softmax_that_is_cut_short_is_named() -> None:
    full = evidence(comparison(), TENSORS)
    cut = replace(full.calibrations["max"].tensors[TENSORS[0]], range=Range(0.0, 0.5), clipped=0.001)
    ranges = replace(full.calibrations["max"], tensors={TENSORS[0]: cut})
    layers = LayerErrors("f" * 64, "a" * 64, 8, 0, (LayerError(TENSORS[0], "Softmax", 30.0, 20.0),))
    told = advised(calibrations={"max": ranges}, layers={"max": layers})
    assert f"are cut off below 0.9 in {TENSORS[0]}" in told


def test_a_flat_divergence_is_a_warning_of_entropy() -> None:
    flat = Curve(np.arange(1.0, 5.0), np.array([3.0, 1.0, 1.01, 1.02]))
    least_at_the_end = Curve(np.arange(1.0, 5.0), np.array([3.0, 2.0, 1.5, 1.0]))
    told = advised(curves={"a": {"entropy": flat}, "b": {"entropy": least_at_the_end}})
    assert "In 1 of 2 activations the divergence is flat" in told
    assert "so that entropy gains nothing over max there: a." in told


def test_the_library_comes_once_and_nothing_is_loaded() -> None:
    text = HtmlRenderer(evidence(comparison(), TENSORS)).render(comparison())
    assert text.count(LIBRARY) == 1
    shown = Page(text)
    loaded = [own.get(key) or "" for _, own in shown.elements for key in ("src", "href", "srcset", "data", "action")]
    assert all(not address or address.startswith(("#", "data:")) for address in loaded)
    (policy,) = (own["content"] for tag, own in shown.elements if own.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]


_OURS = {
    "html", "head", "meta", "link", "title", "style", "body", "a", "header", "h1", "h2", "h3", "nav", "main", "section",
    "p", "ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle", "text",
    "strong", "span", "img", "figure", "figcaption", "details", "summary", "label", "select", "option", "input",
    "noscript", "script",
}  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(names=NAMED, tensors=st.lists(ANY_NAME, min_size=1, max_size=3, unique=True))
def test_no_name_becomes_an_element_an_attribute_or_a_script(names: list[str], tensors: list[str]) -> None:
    found = renamed(names)
    found = replace(found, samples=tuple(names[0] for _ in found.samples))
    text = HtmlRenderer(evidence(found, tensors, kinds=("relu",))).render(found).replace(LIBRARY, "")
    shown = Page(text)
    assert {tag for tag, _ in shown.elements} <= _OURS
    assert len(shown.scripts) == 3
    assert not any(key.startswith("on") for _, own in shown.elements for key in own)
    data = json.loads(shown.scripts[0])
    measured = [name for name, *_, has_ratios in data["layers"][0] if has_ratios]
    assert [tensor["name"] for tensor in data["tensors"]] == measured == tensors
    assert shown.scripts[0].isascii()
    assert not set("<>&") & set(shown.scripts[0])
    for note in names:
        assert " ".join(printable(note).split()) in " ".join(shown.text.split())


def test_the_report_of_a_network_with_300_layers_stays_below_10_megabytes() -> None:
    found = comparison()
    names = [f"backbone/stage{number // 20}/block{number}/conv2/Conv_output_0" for number in range(300)]
    assert len(HtmlRenderer(evidence(found, names)).render(found).encode()) < 10_000_000


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_bars_hold_every_value_but_the_zeros(kind: str) -> None:
    histogram = counted(drawn(kind))
    start, step, counts = bars(histogram)
    assert sum(counts) == histogram.count - histogram.zeros
    assert len(counts) <= 256
    assert start <= min(histogram.low, 0)
    assert start + step * len(counts) >= histogram.high


def test_a_missing_library_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(SetupError, match=r'QK4001(.|\n)*pip install "quantkit-ptq\[report\]"'):
        HtmlRenderer().render(comparison())
