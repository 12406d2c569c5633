from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from quantkit.core.layer_errors import LayerError, LayerErrors
from quantkit.report.markdown import MarkdownRenderer, escaped
from tests.fake_comparison import comparison


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, 97.33 % (2 / 1)", "plain text, 97.33 % (2 / 1)"),
        ("model_a.onnx", "model\\_a.onnx"),
        ("1. first", "1\\. first"),
        ("- item", "\\- item"),
        ("mail me@x", "mail me@<!-- -->x"),
        ("see #12", "see \\#<!-- -->12"),
        ("https://x.test", "https:<!-- -->//x.test"),
        ("a\nb|c", "a&bsol;nb&vert;c"),
    ],
)
def test_what_markdown_would_act_on_is_held(text: str, expected: str) -> None:
    assert escaped(text) == expected


@given(st.text(st.sampled_from("-+=#>|`*_[]()!~\\ 1.)ab:&;"), max_size=12))
def test_an_escaped_line_is_one_paragraph_wherever_it_begins(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"- {escaped(text)}\n")
    kinds = [token.type for token in tokens]
    inside = ["paragraph_open", "inline", "paragraph_close"] if text.strip() else []
    assert kinds == ["bullet_list_open", "list_item_open", *inside, "list_item_close", "bullet_list_close"]


def test_the_table_comes_first_and_background_is_folded() -> None:
    text = MarkdownRenderer().render(comparison())
    places = [
        text.index(part) for part in ("### fp32 against", "| top-1 |", "**What this shows**", "**Notes**", "<details>")
    ]
    assert places == sorted(places)
    assert text.count("<details>") == text.count("</details>") == 3


def test_a_summary_never_exceeds_its_limit_and_says_what_happened() -> None:
    whole = replace(comparison(), notes=tuple(f"note {number} " + "word " * 50 for number in range(40)))
    text = MarkdownRenderer(limit_bytes=4000).render(whole)
    assert len(text.encode()) <= 4000
    assert text.endswith("Truncated; the whole is in the run's JSON.\n")
    assert "**Notes**" not in text


def test_of_many_lines_the_first_are_shown_and_the_rest_counted() -> None:
    whole = replace(comparison(), notes=tuple(f"note {number}" for number in range(45)))
    assert "- … and 15 more, in the run's JSON" in MarkdownRenderer().render(whole)


def test_the_ten_worst_layers_are_told_where_they_were_measured() -> None:
    layers = tuple(LayerError(f"t{number}", "Conv", 40.0, 30.0 + number) for number in reversed(range(12)))
    errors = {"max": LayerErrors("f" * 64, "a" * 64, 8, 0, layers)}
    text = MarkdownRenderer(layers=errors).render(comparison())
    told = text.partition("The layers of max that lose most")[2].partition("</details>")[0]
    assert "- t0 (Conv): SQNR 30.00 dB with everything before it, 40.00 dB by itself" in told
    assert "t9 " in told
    assert "t10" not in told
