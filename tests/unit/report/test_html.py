"""The page: whole, offline, and safe whatever anything is called."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import plotly.offline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantkit.core.errors import SetupError
from quantkit.core.text import printable
from quantkit.report._html.tensors import bars
from quantkit.report.html import HtmlRenderer
from tests.conformance.test_renderers import ANY_NAME, NAMED, renamed
from tests.dossier import evidence, flipped
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
    "p", "ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle", "strong",
    "span", "img", "figure", "figcaption", "details", "summary", "label", "select", "option", "fieldset", "legend",
    "input", "noscript", "script",
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
    assert [tensor["name"] for tensor in data["tensors"]] == [layer[0] for layer in data["layers"][0]] == tensors
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
