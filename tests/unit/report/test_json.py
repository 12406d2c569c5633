from __future__ import annotations

import json

from quantkit.core import run_document
from quantkit.report.json import JsonRenderer
from tests.fake_comparison import comparison


def test_the_document_is_that_of_a_saved_run() -> None:
    document = json.loads(JsonRenderer().render(comparison()))
    assert document["schema"] == "quantkit.run/1"
    read, shape = run_document.read(document)
    assert read.candidates[0].metrics == comparison().candidates[0].metrics
    assert (shape.samples, shape.labelled) == (300, True)


def test_without_indent_it_is_one_line() -> None:
    text = JsonRenderer(indent=None).render(comparison())
    assert text.count("\n") == 1
    assert json.loads(text) == json.loads(JsonRenderer().render(comparison()))
