"""A file that was taken for another is called what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core import run, sensitivity_file, statistics_file
from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.errors import ArtifactError
from quantkit.core.file_kinds import other_than
from quantkit.core.statistics import Fingerprint, Statistics
from quantkit.gate import baseline_file
from tests.fake_comparison import comparison

KINDS = ("run", "baseline", "calibration", "sensitivity", "statistics")


def files(folder: Path) -> dict[str, Path]:
    """One of each kind that quantkit writes, and what else lies about."""
    run.save(comparison(), folder / "run.json")
    Calibration("max", symmetric=False, tensors={}, provenance=Provenance("a" * 64, 0, "")).save(
        folder / "max.qcal.json"
    )
    Statistics(Fingerprint("a" * 64), {}, ()).save(folder / "statistics.safetensors")
    contents = {
        "empty": b"",
        "model.onnx": b"\x08\x0a\x12\x07pytorch:\x00",
        "picture.png": b"\x89PNG\r\n\x1a\n\0\0",
        "weights.safetensors": b'\x10\0\0\0\0\0\0\0{"w":{"dtype":0}}',
        "other.json": b'{"name": "net"}',
        "list.json": b"[1, 2]",
        "notes.txt": b"hello",
        "noise.bin": bytes(range(128, 256)),
        "pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "page.html": b"<!doctype html>",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {path.name: path for path in folder.iterdir()}


SAYS = {
    "run.json": "a run",
    "max.qcal.json": "a calibration",
    "statistics.safetensors": "a file of statistics",
    "empty": "an empty file",
    "model.onnx": "an ONNX model",
    "picture.png": "a PNG image",
    "weights.safetensors": "a safetensors file",
    "other.json": "a JSON document that quantkit did not write",
    "list.json": "a JSON document that quantkit did not write",
    "notes.txt": "a text that is no JSON",
    "noise.bin": "binary data of an unknown kind",
    "pointer": "a Git LFS pointer",
    "page.html": "an HTML page",
}
READERS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "run": (run.load, {"run.json"}),
    "baseline": (baseline_file.load, set()),
    "calibration": (Calibration.load, {"max.qcal.json"}),
    "sensitivity": (sensitivity_file.load, set()),
}


@pytest.mark.parametrize("kind", READERS)
def test_every_reader_says_what_it_was_given(kind: str, tmp_path: Path) -> None:
    read, own = READERS[kind]
    present = files(tmp_path)
    for name in SAYS.keys() - own:
        with pytest.raises(ArtifactError, match=f"not a usable {kind}: this is {SAYS[name]}\n") as refusal:
            read(present[name])
        assert refusal.value.where == str(present[name])
        assert any(kind in hint for hint in refusal.value.hints)
    for name in own:
        read(present[name])


def test_statistics_say_what_they_were_given_too(tmp_path: Path) -> None:
    present = files(tmp_path)
    for name in SAYS.keys() - {"statistics.safetensors"}:
        with pytest.raises(ArtifactError, match="does not hold statistics") as refusal:
            Statistics.load(present[name])
        assert SAYS[name] in (refusal.value.cause or "") or name == "weights.safetensors"
    assert Statistics.load(present["statistics.safetensors"]) == statistics_file.load(present["statistics.safetensors"])


def test_a_pointer_is_told_how_to_be_followed(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="a Git LFS pointer") as refusal:
        run.load(files(tmp_path)["pointer"])
    assert refusal.value.hints[0] == "git lfs pull"


def test_another_version_of_the_same_kind_is_no_other_kind() -> None:
    assert other_than("run", b'{"schema": "quantkit.run/7"}') is None
    assert other_than("run", b'{"schema": "quantkit.novel/1"}') == "of the schema quantkit.novel/1"
    assert other_than("run", b'{"schema": "quantkit.run/1",') is None


@given(content=st.binary(max_size=80), kind=st.sampled_from(KINDS))
def test_any_bytes_are_something(content: bytes, kind: str) -> None:
    assert other_than(kind, content) is None or other_than(kind, content)
