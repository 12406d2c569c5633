"""Class numbers from a table, from file names or from folders."""

from __future__ import annotations

import csv
import io
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from quantkit.core.errors import DataError, UsageError
from quantkit.core.files import readable
from quantkit.core.plugins import did_you_mean
from quantkit.core.text import printable

_log = logging.getLogger(__name__)

FILE_COLUMNS = ("file", "filename", "path", "image", "name")
LABEL_COLUMNS = ("label", "class", "target")


def from_table(table: str | os.PathLike[str], names: Sequence[str]) -> dict[str, int]:
    """Sample name → class, from a CSV file with one row for each of `names`.

    Columns are file and label; a first row with these names may order them otherwise. Labels are class numbers:
    how names of classes are numbered only the model's training knows.

    Raises:
        DataError: names the line: a file that is not in the data or stands there twice, no class number, a field
            that is too long, a row with other columns; or names a sample without a row.
    """
    table, known = Path(table), set(names)
    lines: dict[str, int] = {}
    labels: dict[str, int] = {}
    for line, file, label in _rows(table):
        name = _normal(file)
        if name not in known:
            hints = did_you_mean(name, sorted(known))
            raise _bad_line(table, line, f"{_quoted(file)} is not among the samples", *hints)
        if name in labels:
            raise _bad_line(table, line, f"{_quoted(file)} stands in line {lines[name]} already", "keep one of them")
        lines[name], labels[name] = line, _class_number(table, line, label)
    missing = [name for name in names if name not in labels]
    if missing:
        raise DataError(
            "QK2208",
            f"{len(missing)} of {len(names)} samples have no line in the label table, such as {_quoted(missing[0])}",
            where=printable(str(table)),
            hints=["add their lines, file,label, or take the samples out of the data"],
        )
    return labels


def _rows(table: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, file and label of every row that is not empty."""
    rows = csv.reader(io.StringIO(_text(table), newline=""), strict=True)
    columns: tuple[int, int] | None = None
    try:
        for row in filter(None, rows):
            if columns is None:
                columns, is_header = _columns(row)
                if is_header:
                    continue
            if len(row) <= max(columns):
                raise _bad_line(table, rows.line_num, "it has no file and label, separated by a comma")
            yield rows.line_num, row[columns[0]], row[columns[1]]
    except csv.Error as reason:
        raise _bad_line(table, rows.line_num, str(reason), "write file,label on each line, as CSV") from reason


def _text(table: Path) -> str:
    with readable(table):
        content = table.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise _bad_line(table, line, "it is not UTF-8", "save the table as CSV in UTF-8") from reason


def _columns(first: list[str]) -> tuple[tuple[int, int], bool]:
    """Where file and label stand, and whether `first` is the row that says so."""
    words = [word.strip().lower() for word in first]
    file = next((words.index(word) for word in FILE_COLUMNS if word in words), None)
    label = next((words.index(word) for word in LABEL_COLUMNS if word in words), None)
    return ((0, 1), False) if file is None or label is None else ((file, label), True)


def _normal(file: str) -> str:
    return PurePosixPath(file.strip().replace("\\", "/")).as_posix()


def _class_number(table: Path, line: int, text: str) -> int:
    number = class_number(text.strip())
    if number is None:
        raise _bad_line(
            table,
            line,
            f"{_quoted(text)} is not a class number",
            "labels are 0, 1, …, counted as the model's outputs are",
        )
    return number


def class_number(text: str) -> int | None:
    """A class number that was written in plain digits, or none.

    >>> class_number("007"), class_number("=1+1"), class_number("-1")
    (7, None, None)
    """
    # 18 digits: the largest number that int64 is sure to hold.
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def from_pattern(pattern: str, names: Sequence[str]) -> dict[str, int]:
    r"""Sample name → class, from the group ``label`` of a regular expression that is searched in each name.

    Raises:
        UsageError: not a regular expression, or without the group.
        DataError: a name in which it finds no class number.

    >>> from_pattern(r"^(?P<label>\d+)_", ["0230_n02105855.jpg"])
    {'0230_n02105855.jpg': 230}
    """
    try:
        with warnings.catch_warnings():
            # How a later Python may read an odd pattern is no news for whoever typed it.
            warnings.simplefilter("ignore", FutureWarning)
            expression = re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as reason:
        raise _bad_pattern(pattern, f"not a regular expression: {reason}") from reason
    if "label" not in expression.groupindex:
        raise _bad_pattern(pattern, "it has no group called label")
    labels = {}
    for name in names:
        match = expression.search(name)
        number = class_number(match["label"] or "") if match else None
        if number is None:
            raise DataError(
                "QK2209",
                f"the label pattern finds no class number in {_quoted(name)}",
                cause=f"pattern {pattern!r}",
                hints=["move files that are not samples elsewhere, or change the pattern"],
            )
        labels[name] = number
    return labels


def from_folders(names: Sequence[str], folders: Sequence[str]) -> Mapping[str, int]:
    """Sample name → class, from the folder at the top of each name; `folders` are all there are, empty ones too.

    Folders whose names are all numbers are their own classes; others are numbered in sorted order. Samples that lie
    outside of folders, or all in a single one that is no number, have no labels.

    >>> from_folders(["cat/1.png", "dog/1.png"], ["ant", "cat", "dog"])
    {'cat/1.png': 1, 'dog/1.png': 2}
    >>> from_folders(["photos/1.png"], ["photos"])
    {}
    """
    outside = [name for name in names if "/" not in name]
    if outside and len(outside) < len(names):
        _log.warning("no labels from folders: %s lies beside them", _quoted(outside[0]))
    numbers = _numbered(folders)
    if outside or not numbers:
        return {}
    return {name: numbers[name.partition("/")[0]] for name in names}


def _numbered(folders: Sequence[str]) -> Mapping[str, int]:
    """Folder → class; empty where the folders cannot be classes."""
    own = {folder: class_number(folder) for folder in folders}
    numbered = {folder: number for folder, number in own.items() if number is not None}
    if len(numbered) == len(folders):
        return numbered
    return {folder: index for index, folder in enumerate(sorted(folders))} if len(folders) > 1 else {}


def _quoted(text: str) -> str:
    return repr(printable(text if len(text) <= 80 else text[:77] + "…"))


def _bad_line(table: Path, line: int, title: str, *hints: str) -> DataError:
    name = printable(str(table))
    return DataError("QK2208", f"label table, line {line}: {title}", where=f"{name}:{line}", hints=hints)


def _bad_pattern(pattern: str, cause: str) -> UsageError:
    return UsageError(
        "QK1036",
        f"the label pattern {printable(pattern)!r} cannot be used",
        cause=cause,
        hints=[r"write one like ^(?P<label>\d+)_"],
    )
