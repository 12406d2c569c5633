"""The reports of one comparison, letter by letter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quantkit.core.ports import Renderer
from quantkit.report.json import JsonRenderer
from quantkit.report.markdown import MarkdownRenderer
from quantkit.report.table import TableRenderer
from tests.fake_comparison import comparison


@pytest.mark.parametrize(
    ("file", "renderer"),
    [
        ("table_80.txt", TableRenderer()),
        ("table_56_ascii.txt", TableRenderer(width=56, ascii_only=True)),
        ("table_120_color.txt", TableRenderer(width=120, color=True)),
        ("summary.md", MarkdownRenderer()),
        ("run.json", JsonRenderer()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_report_reads_as_it_did(file: str, renderer: Renderer, golden: Callable[[str, bytes], None]) -> None:
    golden(f"report/{file}", renderer.render(comparison()).encode())
