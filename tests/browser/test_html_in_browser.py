"""The report in a real browser, with no network: every plot is drawn, nothing is asked for, nothing goes wrong.

Needs a chromium on PATH; without one the tests say so and are skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from quantkit.report.html import HtmlRenderer
from tests.dossier import evidence, flipped

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Whatever is looked up does not exist, and Chromium's own errands stay undone.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000",
    "--window-size=1250,4000",
)  # fmt: skip
_HOSTILE = ["</script><script>alert(1)</script>", "<img src=http://x.test/a.png>", "a\u2028b&lt;<b>c", "$x$ %{y}"]
_SCHEMES = {"light": "1", "dark": "0"}


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is on PATH")
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(HtmlRenderer(evidence(flipped(), _HOSTILE)).render(flipped()))
    return path


def ran(chromium: str, page: Path, folder: Path, scheme: str, *what: str) -> tuple[str, list[str]]:
    """What the browser prints, and what it logs about the page."""
    flags = (
        *_FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
    )
    done = subprocess.run(
        [chromium, *flags, *what, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    # What the page's policy refuses to load is told on the console, too. Chromium's own pages say things of their own.
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "source: chrome:" not in line]
    return done.stdout, told


@pytest.mark.parametrize("scheme", sorted(_SCHEMES))
def test_every_plot_is_drawn_and_the_console_stays_empty(
    chromium: str, report: Path, tmp_path: Path, scheme: str
) -> None:
    page, complaints = ran(chromium, report, tmp_path, scheme, "--dump-dom")
    assert complaints == []
    places = re.findall(r'id="(plot-[a-z0-9-]+)" role="group"', page)
    names = ("tradeoff", "layers", "layers-worst", "histogram", "curves", "weights", "flips-0")
    assert {f"plot-{name}" for name in names} <= set(places)
    assert page.count("js-plotly-plot") >= len(places)
    assert page.count('class="main-svg"') >= len(places)


def test_hostile_names_are_text_in_the_browser_too(chromium: str, report: Path, tmp_path: Path) -> None:
    page, complaints = ran(chromium, report, tmp_path, "light", "--dump-dom")
    assert complaints == []
    drawn = page.partition("<script type=")[0]
    assert "<img src=http" not in drawn
    assert "<b>c" not in drawn
    assert "&lt;img src=http://x.test/a.png&gt;" in drawn


def test_a_screenshot_can_be_taken(chromium: str, report: Path, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    _, complaints = ran(chromium, report, tmp_path, "dark", f"--screenshot={picture}")
    assert complaints == []
    assert picture.stat().st_size > 50_000
