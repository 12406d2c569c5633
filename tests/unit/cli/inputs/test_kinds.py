"""Which JSON file of quantkit it is; anything else is called what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.cli.inputs.kinds import is_document, kind_of
from quantkit.core.errors import ArtifactError


@pytest.mark.parametrize("schema", ["quantkit.run/1", "quantkit.calibration/1", "quantkit.sensitivity/1"])
def test_a_file_goes_by_its_schema(schema: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(f'{{"schema": "{schema}"}}')
    assert kind_of(tmp_path / "file.json") == schema


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "it is an empty file"),
        (b"\x89PNG\r\n\x1a\n", "it is a PNG image"),
        (b"\x08\x0a\x12\x07pytorch", "it is an ONNX model"),
        (b"[]", "it is a JSON document that quantkit did not write"),
        (b'{"schema": "quantkit.baseline/1"}', "its schema is 'quantkit.baseline/1': it is a baseline"),
        (b'{"schema": ', "JSONDecodeError: "),
    ],
    ids=["empty", "picture", "model", "list", "baseline", "cut off"],
)
def test_anything_else_is_refused_as_what_it_is(content: bytes, cause: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(ArtifactError, match="neither a calibration nor a run") as refusal:
        kind_of(tmp_path / "file.json")
    assert (refusal.value.cause or "").startswith(cause)


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b'{"schema": "quantkit.run/1"}', True),
        (b'\n {"a": 1, "schema": "quantkit.baseline/7"}', True),
        (b'{"schema": "other/1"}', False),
        (b'{"schema": ', False),
        (b"[]", False),
        (b"\x08\x0a\x12\x07pytorch", False),
        (b"", False),
    ],
    ids=["run", "of another version", "stranger", "cut off", "list", "model", "empty"],
)
@pytest.mark.parametrize("name", ["file", "file.onnx", "file.txt"])
def test_a_document_is_one_whatever_it_is_called(name: str, content: bytes, is_one: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_document(tmp_path / name) is is_one


def test_a_folder_and_nothing_at_all_are_no_documents(tmp_path: Path) -> None:
    assert not is_document(tmp_path)
    assert not is_document(tmp_path / "nothing")
