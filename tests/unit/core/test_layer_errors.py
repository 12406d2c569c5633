"""Layer errors on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from quantkit.core.errors import ArtifactError
from quantkit.core.layer_errors import LayerError, LayerErrors, load, save

FOUND = LayerErrors(
    "aa", "bb", 8, 4, (LayerError("x", "", math.inf, math.inf), LayerError("y", "Conv", 31.25, -math.inf, 40.5, "conv"))
)


def test_what_is_saved_is_read_back_with_infinities(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert save({"max": FOUND}, first) == save({"max": FOUND}, second)
    assert load(first) == {"max": FOUND}


def test_the_worst_come_first() -> None:
    assert [layer.tensor for layer in FOUND.worst_first] == ["y", "x"]


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"schema": "quantkit.layers/9"}', '{"schema": "quantkit.layers/1", "candidates": {"a": {}}}'],
)
def test_anything_else_is_refused(document: str, tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    path.write_text(document)
    with pytest.raises(ArtifactError, match=r"QK3281.*not a usable file of layer errors"):
        load(path)


def test_a_ratio_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    save({"max": FOUND}, path)
    document = json.loads(path.read_text())
    document["candidates"]["max"]["layers"][0]["isolated_db"] = "<b>"
    path.write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="QK3281"):
        load(path)
