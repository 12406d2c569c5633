"""A cache is used for a model only when its sidecar says that it belongs there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantkit.core.calibration import Provenance
from quantkit.core.errors import ArtifactError, SetupError
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.trt_cache import Header, TensorrtCache
from quantkit.core.trt_cache_file import Origin, load, save, sidecar

CACHE = TensorrtCache(Header(), {"data": np.float32(0.02), "café:0": np.float32(1.5)})
ORIGIN = Origin(
    "entropy",
    Provenance("m" * 64, 256, "d" * 64, '{"color":"rgb"}', {"gpu": "H200"}, synthetic=True),
    tensorrt="8.5.3.1",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.cache"


def test_what_is_saved_is_loaded(path: Path) -> None:
    written = save(CACHE, path, ORIGIN)
    assert (written.kind, written.facts) == ("tensorrt-cache", {"tensors": 2, "header": str(CACHE.header)})
    found = load(path)
    assert (found.cache, found.origin, found.digest, found.doubt) == (CACHE, ORIGIN, written.digest, "")
    assert found.origin_for("m" * 64, '{"color":"rgb"}') == ORIGIN


def test_the_samples_that_were_calibrated_on_are_known_again(path: Path) -> None:
    known = replace(ORIGIN, provenance=replace(ORIGIN.provenance, sample_hashes=SampleHashes.of(["11"])))
    save(CACHE, path, known)
    assert load(path).origin == known
    document = json.loads(sidecar(path).read_text())
    document["provenance"]["sample_hashes"]["distinct"] = 2
    sidecar(path).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match=r"QK3267(.|\n)*1 hashes are not those of 2 contents"):
        load(path)


def test_the_sidecar_names_everything_that_the_cache_leaves_out(path: Path) -> None:
    digest = save(CACHE, path, ORIGIN).digest
    document = json.loads(sidecar(path).read_text())
    assert document["schema"] == "quantkit.tensorrt-cache/1"
    assert (document["cache_sha256"], document["rule"], document["tensorrt"]) == (digest, "entropy", "8.5.3.1")
    assert document["provenance"]["samples"] == 256


def test_a_cache_without_a_sidecar_is_a_strangers(path: Path) -> None:
    path.write_bytes(CACHE.to_bytes())
    found = load(path)
    assert found.origin is None
    with pytest.raises(ArtifactError, match="nothing tells which model and data") as refusal:
        found.origin_for("m" * 64)
    assert refusal.value.cause == "there is no net.cache.json beside it"
    assert refusal.value.code == "QK3267"


def test_an_edited_cache_is_a_strangers(path: Path) -> None:
    save(CACHE, path, ORIGIN)
    path.write_bytes(path.read_bytes().replace(b"data", b"date"))
    with pytest.raises(ArtifactError, match="nothing tells") as refusal:
        load(path).origin_for("m" * 64)
    assert refusal.value.cause == "net.cache.json is of a cache with other content"


@pytest.mark.parametrize(
    ("model", "preprocessing", "what"),
    [("x", None, "model"), ("m" * 64, "{}", "preprocessing")],
    ids=["model", "preprocessing"],
)
def test_a_cache_of_something_else_is_refused(path: Path, model: str, preprocessing: str | None, what: str) -> None:
    save(CACHE, path, ORIGIN)
    with pytest.raises(ArtifactError, match=f"was made with another {what}") as refusal:
        load(path).origin_for(model, preprocessing)
    assert refusal.value.code == "QK3268"
    assert refusal.value.where == str(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: {**document, "schema": "quantkit.tensorrt-cache/9"},
        lambda document: {**document, "rule": 7},
        lambda document: {**document, "tensorrt": 8},
        lambda document: {**document, "provenance": {**document["provenance"], "samples": -1}},
        lambda document: {key: value for key, value in document.items() if key != "provenance"},
        lambda document: [],
    ],
    ids=["schema", "rule", "version", "samples", "missing", "list"],
)
def test_a_damaged_sidecar_is_refused(path: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    save(CACHE, path, ORIGIN)
    document = json.loads(sidecar(path).read_text())
    sidecar(path).write_text(json.dumps(damage(document)))
    with pytest.raises(ArtifactError, match="where this calibration cache comes from is damaged") as refusal:
        load(path)
    assert refusal.value.where == str(sidecar(path))


def test_a_cache_of_unknown_origin_leaves_no_earlier_sidecar_behind(path: Path) -> None:
    save(CACHE, path, ORIGIN)
    save(CACHE, path, None)
    assert not sidecar(path).exists()


def test_a_failure_between_the_two_files_leaves_the_cache_that_was_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(CACHE, path, ORIGIN)
    before = path.read_bytes()
    really, calls = os.fsync, []

    def failing(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 2:  # the cache and its folder are done
            raise OSError(28, "No space left on device")
        really(handle)

    monkeypatch.setattr(os, "fsync", failing)
    other = replace(CACHE, scales={"data": np.float32(0.5)})
    with pytest.raises(SetupError, match="no space left"):
        save(other, path, ORIGIN)
    assert path.read_bytes() == before
    assert (load(path).cache, load(path).origin) == (CACHE, ORIGIN)
    assert not list(path.parent.glob("*.tmp"))


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"cannot read {path}"):
        load(path)
