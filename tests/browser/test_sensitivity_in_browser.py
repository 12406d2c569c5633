"""The heatmap of layers in a real browser, with no network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from quantkit.report._sensitivity_page import page
from tests.browser.browsing import HOSTILE, SCHEMES, shown
from tests.unit.core.test_sensitivity_file import FOUND


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layers = tuple(replace(FOUND.layers[0], node=name) for name in HOSTILE)
    path = tmp_path_factory.mktemp("sensitivity") / "sensitivity.html"
    path.write_text(page(replace(FOUND, layers=(*layers, FOUND.layers[1]))))
    return path


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_heatmap_is_drawn_and_the_console_stays_empty(
    chromium: str, report: Path, tmp_path: Path, scheme: str
) -> None:
    drawn, complaints = shown(chromium, report, tmp_path, scheme, "--dump-dom")
    assert complaints == []
    places = re.findall(r'id="(plot-[a-z0-9-]+)" role="group"', drawn)
    assert places == [f"plot-sensitivity-{order}-{number}" for order in ("graph", "worst") for number in (0, 1)]
    assert drawn.count('class="main-svg"') >= len(places)
    names = drawn.partition("<script type=")[0]
    assert "<img src=http" not in names
    assert "&lt;img src=http://x.test/a.png&gt;" in names
