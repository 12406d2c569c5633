"""The heatmap of layers in a real browser, with no network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from quantkit.report._sensitivity_page import page
from tests.browser.test_html_in_browser import _HOSTILE, _SCHEMES, chromium, ran
from tests.unit.core.test_sensitivity_file import FOUND

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layers = tuple(replace(FOUND.layers[0], node=name) for name in _HOSTILE)
    path = tmp_path_factory.mktemp("sensitivity") / "sensitivity.html"
    path.write_text(page(replace(FOUND, layers=(*layers, FOUND.layers[1]))))
    return path


@pytest.mark.parametrize("scheme", sorted(_SCHEMES))
def test_every_heatmap_is_drawn_and_the_console_stays_empty(
    chromium: str, report: Path, tmp_path: Path, scheme: str
) -> None:
    shown, complaints = ran(chromium, report, tmp_path, scheme, "--dump-dom")
    assert complaints == []
    places = re.findall(r'id="(plot-[a-z0-9-]+)" role="group"', shown)
    assert places == [f"plot-sensitivity-{order}-{number}" for order in ("graph", "worst") for number in (0, 1)]
    assert shown.count('class="main-svg"') >= len(places)
    drawn = shown.partition("<script type=")[0]
    assert "<img src=http" not in drawn
    assert "&lt;img src=http://x.test/a.png&gt;" in drawn
