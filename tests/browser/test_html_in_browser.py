"""The report in a real browser, with no network: every plot is drawn, nothing is asked for, nothing goes wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quantkit.report.html import HtmlRenderer
from tests.browser.browsing import HOSTILE, SCHEMES, shown
from tests.dossier import evidence, flipped


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(HtmlRenderer(evidence(flipped(), HOSTILE)).render(flipped()))
    return path


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_plot_is_drawn_and_the_console_stays_empty(
    chromium: str, report: Path, tmp_path: Path, scheme: str
) -> None:
    page, complaints = shown(chromium, report, tmp_path, scheme, "--dump-dom")
    assert complaints == []
    places = re.findall(r'id="(plot-[a-z0-9-]+)" role="group"', page)
    names = ("tradeoff", "layers", "layers-worst", "histogram", "curves", "weights", "flips-0")
    assert {f"plot-{name}" for name in names} <= set(places)
    assert page.count("js-plotly-plot") >= len(places)
    assert page.count('class="main-svg"') >= len(places)


def test_hostile_names_are_text_in_the_browser_too(chromium: str, report: Path, tmp_path: Path) -> None:
    page, complaints = shown(chromium, report, tmp_path, "light", "--dump-dom")
    assert complaints == []
    drawn = page.partition("<script type=")[0]
    assert "<img src=http" not in drawn
    assert "<b>c" not in drawn
    assert "&lt;img src=http://x.test/a.png&gt;" in drawn


def test_a_screenshot_can_be_taken(chromium: str, report: Path, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    _, complaints = shown(chromium, report, tmp_path, "dark", f"--screenshot={picture}")
    assert complaints == []
    assert picture.stat().st_size > 50_000
