"""Class numbers from tables, patterns and folders."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantkit.core.errors import DataError, UsageError
from quantkit.data.labels import from_folders, from_pattern, from_table

NAMES = ["a.png", "b/c.png"]


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "a.png,1\nb/c.png,2\n",
        "file,label\na.png,1\nb/c.png,2\n",
        "Label , Filename\n1,a.png\n2,b/c.png\n",
        "id,path,split,class\n0,a.png,val,1\n1,b/c.png,val,2",
        "\ufefffile,label\r\na.png,1\r\nb/c.png,2\r\n",
        '"a.png", 1\n\n./b\\c.png,002\n',
    ],
    ids=["plain", "header", "other order", "more columns", "BOM and CRLF", "quotes, blank line, backslash"],
)
def test_a_table_is_read_however_it_was_exported(tmp_path: Path, content: str) -> None:
    assert from_table(table(tmp_path, content), NAMES) == {"a.png": 1, "b/c.png": 2}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a.png,1\nx.png,2\n", 2, "'x.png' is not among the samples"),
        ("a.png,1\nb/c.png,2\na.png,1\n", 3, "'a.png' stands in line 1 already"),
        ("a.png,cat\n", 1, "'cat' is not a class number"),
        ("a.png,-1\n", 1, "'-1' is not a class number"),
        ("a.png,1.0\n", 1, "'1.0' is not a class number"),
        ("file,label\na.png,=1+1\n", 2, r"'=1\+1' is not a class number"),
        ("a.png,=cmd|' /C calc'!A0\n", 1, "is not a class number"),
        (f"a.png,{'9' * 5000}\n", 1, "is not a class number"),
        ("a.png\n", 1, "it has no file and label, separated by a comma"),
        ("a.png;1\n", 1, "it has no file and label, separated by a comma"),
        (f"a.png,{'1' * 200_000}\n", 1, "field larger than field limit"),
        ('a.png,"1\n', 1, "unexpected end of data"),
        (b"a.png,1\n\xff\xfe,2\n", 2, "it is not UTF-8"),
    ],
    ids=[
        "unknown file",
        "twice",
        "name of a class",
        "negative",
        "fraction",
        "formula",
        "command",
        "huge number",
        "one column",
        "semicolon",
        "huge field",
        "open quote",
        "not UTF-8",
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str | bytes, line: int, words: str) -> None:
    path = table(tmp_path, content)
    with pytest.raises(DataError, match=words) as refusal:
        from_table(path, NAMES)
    assert refusal.value.code == "QK2208"
    assert refusal.value.where == f"{path}:{line}"


def test_a_misspelt_file_is_met_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        from_table(table(tmp_path, "b/cc.png,1\n"), NAMES)
    assert "did you mean 'b/c.png'?" in refusal.value.hints


def test_a_sample_without_a_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 2 samples have no line in the label table, such as 'b/c\.png'"):
        from_table(table(tmp_path, "a.png,1\n"), NAMES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_refused_by_us(tmp_path: Path, content: bytes) -> None:
    with contextlib.suppress(DataError):
        from_table(table(tmp_path, content), NAMES)


def test_a_pattern_is_searched_in_the_whole_name() -> None:
    assert from_pattern(r"class(?P<label>\d+)/", ["x/class12/1.png"]) == {"x/class12/1.png": 12}


@pytest.mark.parametrize("pattern", ["(", r"\d+", r"(?P<class>\d+)"])
def test_a_pattern_that_cannot_find_labels_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"the label pattern .* cannot be used") as refusal:
        from_pattern(pattern, ["1.png"])
    assert refusal.value.code == "QK1036"


@pytest.mark.parametrize("pattern", [r"^(?P<label>\d+)_", r"(?P<label>[a-z]+)", r"(?P<label>\d+)?zz|x"])
def test_a_name_without_a_class_is_named(pattern: str) -> None:
    with pytest.raises(DataError, match=r"no class number in 'x\.png'") as refusal:
        from_pattern(pattern, ["x.png"])
    assert refusal.value.code == "QK2209"


def test_folders_of_numbers_are_their_own_classes() -> None:
    assert from_folders(["7/a.png", "010/b.png"], ["7", "010"]) == {"7/a.png": 7, "010/b.png": 10}


def test_one_folder_is_a_class_only_if_it_is_a_number() -> None:
    assert from_folders(["7/a.png"], ["7"]) == {"7/a.png": 7}
    assert from_folders(["photos/a.png"], ["photos"]) == {}


def test_an_empty_class_keeps_its_number() -> None:
    assert from_folders(["cat/a.png"], ["ant", "cat"]) == {"cat/a.png": 1}


def test_a_stray_sample_beside_class_folders_takes_the_labels_away(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert from_folders(["a.png", "cat/b.png", "dog/c.png"], ["cat", "dog"]) == {}
    assert "no labels from folders: 'a.png' lies beside them" in caplog.text
