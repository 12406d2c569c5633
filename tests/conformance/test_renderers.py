"""Every renderer keeps what its port promises, whatever a model, a file or a label is called."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import plotly.offline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from quantkit.core import plugins
from quantkit.core.comparison import Comparison, Coverage, NodeCoverage
from quantkit.core.ports import Renderer
from quantkit.core.text import printable, shortened
from quantkit.report.markdown import MarkdownRenderer
from quantkit.report.table import TableRenderer
from tests.fake_comparison import comparison

NAMES = plugins.names("quantkit.report")

HOSTILE = st.sampled_from(
    [
        "</script><script>alert(1)</script>",
        "a|b|c",
        "\\|",
        "`code``",
        "\x1b[2J\x1b[31mred",
        "line\nfeed\r\n::set-output name=x::y",
        "::error file=a::b",
        "##[command]x ::add-mask::y",
        "\u202egnp.exe",
        "]]>&amp;&lt;<!-- -->",
        "| --- |\n# heading",
        "- list",
        "1. list",
        "[link](javascript:alert(1)) <https://x.test> https://x.test www.x.test",
        "@team #12 $x$ ~~s~~ **b** __i__",
        "{{7*7}} ${7*7} %s",
        "\udcff\x00\x7f\x9b",
        "=cmd|' /C calc'!A0",
        "<details><summary>",
        "",
        " ",
    ]
)
ANY_NAME = HOSTILE | st.text(st.characters(categories=None), max_size=30)


def renderer_called(name: str) -> Renderer:
    built: Renderer = plugins.load("quantkit.report", name)()
    return built


def ours(text: str) -> str:
    """What a renderer wrote without the library that draws, which is the same in every page and nobody's name."""
    return text.replace(plotly.offline.get_plotlyjs(), "", 1)


def renamed(names: list[str]) -> Comparison:
    """The fake comparison with foreign text in every place that foreign text can reach."""
    whole = comparison()
    first, second, third, fourth = names
    outcome = whole.candidates[0]
    nodes = (NodeCoverage(third, fourth, first, second), NodeCoverage(first, "Conv", "int8"))
    subject = replace(
        outcome.subject,
        name=f"b{second}",
        path=third,
        digest=fourth,
        coverage=Coverage(nodes),
        provenance={first: second},
    )
    return replace(
        whole,
        reference=replace(whole.reference, name=f"a{first}", path=second, digest=third),
        candidates=(replace(outcome, subject=subject),),
        environment={third: fourth},
        data={fourth: first},
        notes=tuple(names),
    )


NAMED = st.lists(ANY_NAME, min_size=4, max_size=4)


def test_a_renderer_is_known_by_the_name_of_its_file() -> None:
    assert {"html", "json", "markdown", "sarif", "table"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_rendering_twice_gives_the_same_text(name: str) -> None:
    renderer = renderer_called(name)
    assert renderer.render(comparison()) == renderer.render(comparison())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(names=NAMED)
def test_no_control_character_and_no_command_of_a_ci_log_is_left(name: str, names: list[str]) -> None:
    text = ours(renderer_called(name).render(renamed(names)))
    assert text.encode("utf-8")
    assert not {letter for letter in text if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "##[" not in text


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sarif"])
def test_samples_and_interval_stand_in_every_rendering(name: str) -> None:
    text = renderer_called(name).render(comparison())
    assert "300" in text
    assert re.search(r"95 % interval|\"level\": 0.95", text)


@pytest.mark.parametrize("name", NAMES)
def test_a_comparison_without_anything_measured_is_rendered(name: str) -> None:
    whole = comparison()
    subject = replace(whole.candidates[0].subject, latency=None, coverage=None, size_bytes=0)
    bare = replace(
        whole,
        reference=replace(whole.reference, latency=None),
        candidates=(replace(whole.candidates[0], subject=subject, metrics=(), rows={}),),
        labels=None,
        environment={},
        data={},
        notes=(),
    )
    # Findings are about files; of a model of which nothing was measured there is none.
    assert name == "sarif" or "max" in renderer_called(name).render(bare)
    assert renderer_called(name).render(replace(bare, candidates=()))


@settings(max_examples=40, deadline=None)
@given(names=NAMED)
def test_json_holds_every_name_as_it_was(names: list[str]) -> None:
    document = json.loads(renderer_called("json").render(renamed(names)))
    assert document["reference"]["name"] == f"a{names[0]}"
    assert document["candidates"][0]["subject"]["path"] == names[2]
    assert document["notes"] == names


@settings(max_examples=80, deadline=None)
@given(names=NAMED)
def test_sarif_points_into_the_repository_and_links_to_nothing(names: list[str]) -> None:
    document = json.loads(renderer_called("sarif").render(renamed(names)))
    (found,) = document["runs"][0]["results"]
    address = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    parsed = urlsplit(address)
    assert (parsed.scheme, parsed.netloc, parsed.query, parsed.fragment) == ("", "", "", "")
    assert address
    assert not address.startswith(("/", ".."))
    text = re.sub(r"\\\\|\\\[|\\\]|\{\{|\}\}", "", found["message"]["text"])
    assert not set("[]{}\\") & set(text)


_HOLDERS = {"li", "td", "th", "summary"}


class Reader(HTMLParser):
    """The elements of a page, and the text in each list item, table cell and summary."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in _HOLDERS:
            self.texts.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in _HOLDERS

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def read_back(markdown: str) -> Reader:
    reader = Reader()
    reader.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    return reader


def squeezed(text: str) -> str:
    """HTML shows any run of spaces as one, and Markdown drops those at the ends."""
    return " ".join(text.split())


@settings(max_examples=80, deadline=None)
@given(names=NAMED)
def test_markdown_shows_every_name_as_it_is_and_nothing_else(names: list[str]) -> None:
    page = read_back(MarkdownRenderer().render(renamed(names)))
    ours = {"h3", "table", "thead", "tbody", "tr", "th", "td", "p", "strong", "ul", "li", "details", "summary"}
    assert page.tags <= ours
    shown = [squeezed(text) for text in page.texts]
    for note in names:
        assert squeezed(printable(shortened(note, 400))) in shown
    for model in (f"a{names[0]}", f"b{names[1]}"):
        assert squeezed(printable(shortened(model, 60))) in shown


@settings(max_examples=60, deadline=None)
@given(names=NAMED, width=st.integers(40, 120), ascii_only=st.booleans())
def test_no_line_of_a_table_is_wider_than_the_terminal(names: list[str], width: int, ascii_only: bool) -> None:
    text = TableRenderer(width, ascii_only=ascii_only).render(renamed(names))
    # A line that is kept from being a command grows by 3 characters.
    assert max(cell_len(line) for line in text.splitlines()) <= width + 3
    assert not ascii_only or text.isascii()
