"""Options about data become a source, and its content has a digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantkit.cli.inputs import sources
from quantkit.cli.options.data import DataOptions
from quantkit.core.artifact import TensorSpec
from quantkit.core.errors import UsageError
from quantkit.graph.model import load


def test_the_digest_of_data_follows_names_and_contents_and_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("1")
    (data / "b").write_text("2")
    before = sources.content_digest(data)
    (data / "a").touch()
    assert sources.content_digest(data) == before
    assert sources.content_digest(data.rename(tmp_path / "moved")) == before
    (tmp_path / "moved" / "a").write_text("3")
    changed = sources.content_digest(tmp_path / "moved")
    (tmp_path / "moved" / "a").rename(tmp_path / "moved" / "c")
    assert len({before, changed, sources.content_digest(tmp_path / "moved")}) == 3


def test_the_digest_of_one_file_is_not_that_of_its_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_text("1")
    before = sources.content_digest(path)
    path.write_text("2")
    assert sources.content_digest(path) != before


def test_the_layout_that_was_asked_for_goes_before_the_presets() -> None:
    options = DataOptions(preprocess="imagenet", layout="nhwc")
    recipe = sources.preprocessing(options)
    assert recipe
    assert recipe == replace(recipe, layout="nhwc")


def test_arrays_with_channels_last_are_brought_to_the_model(tmp_path: Path) -> None:
    np.save(tmp_path / "last.npy", np.zeros((9, 4, 5, 3), np.float32))
    specs = [TensorSpec("x", "float32", ("N", 3, 4, 5))]
    options = DataOptions(layout="nhwc", batch_size=3)
    source = sources.for_evaluation(tmp_path / "last.npy", specs, options)
    assert [batch.inputs["x"].shape for batch in source] == [(3, 3, 4, 5)] * 3


def test_a_model_says_how_its_images_were_prepared(finished: Path) -> None:
    models = [load(finished / f"model.{rule}.int8.onnx") for rule in ("max", "entropy")]
    recorded = sources.recorded_preprocessing(models)
    assert recorded is not None
    assert recorded.color == "gray"
    assert sources.recorded_preprocessing([]) is None


@pytest.mark.parametrize("said", ["[", "[]", "{}", '{"color": "infrared"}', '{"synthetic": true}'])
def test_what_a_foreign_model_says_of_images_is_ignored(said: str, digits: Path) -> None:
    model = load(digits / "model.onnx")
    model.proto.metadata_props.add(key="quantkit.preprocessing", value=said)
    assert sources.recorded_preprocessing([model]) is None


def test_noise_needs_every_size() -> None:
    with pytest.raises(UsageError) as refusal:
        sources.made_up(8, [TensorSpec("x", "float32", ("N", 3, "h", "w"))], DataOptions(), seed=0)
    assert refusal.value.hints == ("add --shapes x:1x3x224x224 with your own sizes",)
