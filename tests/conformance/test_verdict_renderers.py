"""Every form of a verdict, whatever a model, a file or a note is called."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from quantkit.core import plugins
from quantkit.core.comparison import Comparison
from quantkit.core.ports import VerdictRenderer
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.gate.judging import judge
from quantkit.gate.renderers.annotations import MOST
from quantkit.gate.renderers.markdown import MarkdownVerdicts
from quantkit.gate.renderers.table import TableVerdicts
from quantkit.gate.rules import Rules
from tests.gate_runs import hits, of, outcome, run

NAMES = plugins.names("quantkit.gate.renderers")
RULES = Rules(tolerances={"top1": Tolerance(max_drop=Drop(1, "pp"))}, max_size=0.25)

HOSTILE = st.sampled_from(
    [
        "</script><script>alert(1)</script>",
        "a|b",
        "\x1b[31mred",
        "line\r\n::set-output name=x::y",
        "::error file=a::b",
        "##[command]x",
        "\u202egnp.exe",
        "]]>&amp;<!-- -->",
        '"} 1\nforged{x="',
        "\ufffe\uffff\udcff\x00",
        "100 %0A::error::",
        "[link](javascript:alert(1)) @team",
        "# EOF",
        "\\",
        "",
    ]
)
ANY_NAME = HOSTILE | st.text(st.characters(categories=None), max_size=20)
NAMED = st.lists(ANY_NAME, min_size=3, max_size=3)


def built(name: str) -> VerdictRenderer:
    made: VerdictRenderer = plugins.load("quantkit.gate.renderers", name)()
    return made


def mixed() -> Judgement:
    """One model that fails, one that passes, one that is open; and one limit that all exceed."""
    outcomes = []
    for name, regressed in (("bad", 300), ("good", 5), ("open", 60)):
        outcomes.append(outcome(name, *hits(5000, right=3750, regressed=regressed, fixed=5)))
    return judge(of(tuple(outcomes), 5000), RULES)


def renamed(names: list[str]) -> Judgement:
    whole = judge(run(500, regressed=100), RULES)
    comparison = whole.comparison
    subject = replace(comparison.candidates[0].subject, name=f"b{names[0]}", path=names[1])
    foreign: Comparison = replace(
        comparison,
        reference=replace(comparison.reference, name=f"a{names[1]}", path=names[2]),
        candidates=(replace(comparison.candidates[0], subject=subject),),
        environment={"isa": names[0], "onnxruntime": names[2]},
        notes=(names[1],),
    )
    advisory = replace(whole.checks[0], advisory=True)
    checks = tuple(
        replace(check, model=f"b{names[0]}", against=f"a{names[1]}", reason=f"{names[2]} because", title=names[0])
        for check in (*whole.checks, advisory)
    )
    return Judgement(foreign, checks, notes=(names[2],))


def test_every_form_is_there() -> None:
    assert NAMES == ["annotations", "junit", "markdown", "openmetrics", "table"]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(names=NAMED)
def test_nothing_invisible_is_left_and_rendering_twice_gives_the_same(name: str, names: list[str]) -> None:
    judgement = renamed(names)
    text = built(name).render(judgement)
    assert text.encode("utf-8")
    assert not {letter for letter in text if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {
        "\n",
        "️",
    }
    assert built(name).render(judgement) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_judgement_without_checks_is_rendered(name: str) -> None:
    built(name).render(Judgement(run(), ()))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "annotations"])
@settings(max_examples=40, deadline=None)
@given(names=NAMED)
def test_no_line_is_a_command_of_a_ci_log(name: str, names: list[str]) -> None:
    assert not any(line.lstrip().startswith("::") for line in built(name).render(renamed(names)).splitlines())


@settings(max_examples=60, deadline=None)
@given(names=NAMED)
def test_a_name_ends_no_annotation_and_begins_none(names: list[str]) -> None:
    judgement = renamed(names)
    lines = built("annotations").render(judgement).splitlines()
    assert len(lines) == len(judgement.checks)
    for line in lines:
        assert re.fullmatch(r"::(error|warning) title=[^:,]*::.*", line)


def test_annotations_stop_at_ten_and_start_with_failures() -> None:
    failed = mixed().checks[0]
    open_ones = [replace(failed, verdict=Verdict.INCONCLUSIVE, model=str(number)) for number in range(20)]
    lines = built("annotations").render(Judgement(run(), (*open_ones, failed))).splitlines()
    assert len(lines) == MOST
    assert lines[0].startswith("::error title=FAIL bad/top1")
    assert lines[-1].endswith("12 more checks did not pass")


def parsed(judgement: Judgement) -> ElementTree.Element:
    return ElementTree.fromstring(built("junit").render(judgement))


SCHEMA = xmlschema.XMLSchema(Path(__file__).resolve().parents[1] / "junit.xsd")


@settings(max_examples=40, deadline=None)
@given(names=NAMED)
def test_junit_keeps_to_its_schema_whatever_anything_is_called(names: list[str]) -> None:
    SCHEMA.validate(parsed(renamed(names)))


def every_verdict() -> Judgement:
    """A check of each kind, with and without figures, deciding and not."""
    found = mixed()
    extra = judge(run(5000), Rules(minimums={"agreement": 0.95}, latency={"p50": 0.05}, shared_machine=True))
    advisory = tuple(replace(check, advisory=True, against="baseline") for check in found.checks)
    bare = Check("int8", "agreement", "limit", Verdict.PASS, 0, float("nan"), limit=float("inf"))
    return replace(found, checks=(*found.checks, *extra.checks, *advisory, bare), notes=("a note", ""))


@pytest.mark.parametrize(
    "judgement", [every_verdict(), mixed(), Judgement(run(), ())], ids=["every kind", "three models", "no checks"]
)
def test_junit_of_every_verdict_keeps_to_its_schema_and_counts_right(judgement: Judgement) -> None:
    root = parsed(judgement)
    SCHEMA.validate(root)
    counted = {
        "tests": len(list(root.iter("testcase"))),
        "failures": len(list(root.iter("failure"))),
        "errors": 0,
        "skipped": len(list(root.iter("skipped"))),
    }
    for element in (root, root[0]):
        assert {name: int(element.get(name, "-1")) for name in counted} == counted


def test_junit_tells_failures_and_open_questions_apart() -> None:
    root = parsed(mixed())
    suite = root[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "4", "1")
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iter("testcase")}
    failed = cases["bad.ort-cpu", "top1 against FP32"]
    assert failed.find("failure") is not None
    assert cases["open.ort-cpu", "top1 against FP32"].find("skipped") is not None
    assert len(cases["good.ort-cpu", "top1 against FP32"]) == 1
    numbers = {entry.get("name"): entry.get("value") for entry in failed.iter("property")}
    assert (numbers["regressed"], numbers["limit"], numbers["verdict"]) == ("300.0", "0.01", "FAIL")


LABELS = r'(\w+="(?:[^"\\\n]|\\["\\n])*")'
SAMPLE = re.compile(rf"quantkit_\w+\{{{LABELS}(,{LABELS})*\}} (NaN|[+-]Inf|[-+0-9.e]+)")


@settings(max_examples=60, deadline=None)
@given(names=NAMED)
def test_openmetrics_is_of_its_grammar(names: list[str]) -> None:
    *lines, end = built("openmetrics").render(renamed(names)).splitlines()
    assert end == "# EOF"
    assert all(SAMPLE.fullmatch(line) for line in lines if not line.startswith("# "))


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.cells += tag == "td"


@settings(max_examples=60, deadline=None)
@given(names=NAMED)
def test_markdown_holds_the_table_and_nothing_that_a_name_brought(names: list[str]) -> None:
    judgement = renamed(names)
    page = Tags()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table"]).render(MarkdownVerdicts().render(judgement)))
    ours = {"h2", "h3", "table", "thead", "tbody", "tr", "th", "td", "p", "strong", "ul", "li", "details", "summary"}
    assert page.found <= ours
    assert page.cells >= 11 * len(judgement.checks)


def test_the_verdict_stands_first_and_the_text_keeps_to_its_size() -> None:
    text = MarkdownVerdicts(limit_bytes=3_000).render(mixed())
    assert text.startswith("## FAIL: 4 FAIL, 1 INCONCLUSIVE, 1 PASS on 5000 samples")
    assert len(text.encode()) <= 3_000
    assert "Truncated" in text


@settings(max_examples=40, deadline=None)
@given(names=NAMED, width=st.integers(40, 120))
def test_a_terminal_without_other_characters_gets_none(names: list[str], width: int) -> None:
    assert TableVerdicts(width, ascii_only=True).render(renamed(names)).isascii()


def test_colour_says_nothing_that_words_do_not() -> None:
    plain, colored = TableVerdicts().render(mixed()), TableVerdicts(color=True).render(mixed())
    assert "\x1b[" in colored
    assert plain.splitlines()[2].split() == re.sub(r"\x1b\[[\d;]*m", "", colored).splitlines()[2].split()


def test_good_news_come_with_the_command_that_keeps_them() -> None:
    better = Check("int8", "top1", "baseline", Verdict.PASS, 5000, 0.8, improved=True)
    assert "IMPROVED: int8/top1 against baseline; quantkit baseline update" in built("table").render(
        Judgement(run(), (better,))
    )
