"""A page in a real browser, with no network: what it shows, and what it complains about."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCHEMES = {"light": "1", "dark": "0"}
HOSTILE = ["</script><script>alert(1)</script>", "<img src=http://x.test/a.png>", "a\u2028b&lt;<b>c", "$x$ %{y}"]
"""Names of tensors and nodes that a page must show as they are."""

# Whatever is looked up does not exist, and Chromium's own errands stay undone.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000",
    "--window-size=1250,4000",
)  # fmt: skip


def shown(chromium: str, page: Path, folder: Path, scheme: str, *what: str) -> tuple[str, list[str]]:
    """What the browser prints, and what it logs about the page."""
    flags = (
        *_FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    )
    done = subprocess.run(
        [chromium, *flags, *what, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    # What the page's policy refuses to load is told on the console, too. Chromium's own pages say things of their own.
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "source: chrome:" not in line]
    return done.stdout, told
