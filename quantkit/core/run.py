"""A comparison on disk: run.json with the figures, and beside it a line for each sample.

Everything that is said about a run later, by a gate, a report or a diff, is derived from these two files.
"""

from __future__ import annotations

import gc
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from quantkit.core import arguments, file_kinds, run_document
from quantkit.core.arrays import Array, Counts
from quantkit.core.artifact import Artifact
from quantkit.core.comparison import Comparison
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.files import named, readable, replacing_named, write_whole
from quantkit.core.json_values import MALFORMED, decoded, encoded, real, text, truth, whole
from quantkit.core.run_document import Shape

_log = logging.getLogger(__name__)

# Column type → what checks a value of it.
_KINDS = {"bool": truth, "int64": whole, "float64": real}
# Column type → the types of values that need no further look.
_PLAIN: Mapping[str, set[type]] = {"bool": {bool}, "int64": {int}, "float64": {float, int}}


def rows_beside(run: Path) -> Path:
    """Where the rows of the run at `run` are written; two runs in one folder keep theirs apart.

    >>> rows_beside(Path("run.json")).name, rows_beside(Path("nightly.json")).name
    ('samples.jsonl', 'nightly.samples.jsonl')
    """
    return run.with_name("samples.jsonl" if run.stem == "run" else f"{run.stem}.samples.jsonl")


@arguments.checked_as("save_run")
def save(comparison: Comparison, path: Path | str) -> tuple[Artifact, Artifact]:
    """Writes both files, or neither; equal comparisons are equal bytes. Returns the run and its rows."""
    run = Path(path)
    rows = rows_beside(run)
    with replacing_named(rows, _rows_named_by(run)):
        rows_digest = write_whole(rows, _rows_written(comparison).encode("ascii"))
        document = run_document.written(comparison) | {"rows": {"file": rows.name, "sha256": rows_digest}}
        digest = write_whole(run, f"{encoded(document, indent=1)}\n".encode("ascii"))
    return Artifact(run, "run", digest), Artifact(rows, "samples", rows_digest)


def _rows_named_by(run: Path) -> str | None:
    """The digest of the rows of the run that is there, if there is one."""
    try:
        return text(decoded(run.read_bytes())["rows"]["sha256"])
    except (OSError, *MALFORMED):
        return None


@arguments.checked_as("load_run")
def load(path: Path | str) -> Comparison:
    """Reads what `save` wrote. A torn last line of the rows is dropped, with a note in the comparison.

    Raises:
        ArtifactError: not a run, another schema, or rows that are missing or of another run.
    """
    run = Path(path)
    with readable(run):
        content = run.read_bytes()
    try:
        document = decoded(content)
        bare, shape = run_document.read(document)
        name, digest = text(document["rows"]["file"]), text(document["rows"]["sha256"])
    except ArtifactError as refusal:
        raise (_mistaken(content) or refusal).located(str(run)) from refusal.__cause__
    except (*MALFORMED, UsageError) as reason:
        damaged = run_document.refused(f"{type(reason).__name__}: {reason}")
        raise (_mistaken(content) or damaged).located(str(run)) from reason
    rows = _rows_path(run, name)
    try:
        return _with_rows(bare, shape, rows, digest)
    except MALFORMED as reason:
        raise _strange(rows, f"{type(reason).__name__}: {reason}") from reason


def _mistaken(content: bytes) -> ArtifactError | None:
    return file_kinds.mistaken("QK3241", "run", content)


def _rows_path(run: Path, name: str) -> Path:
    if name in {"", ".."} or name != Path(name).name or not name.isprintable():
        raise run_document.refused(f"its rows lie at {name!r}, not beside it").located(str(run))
    rows = run.with_name(name)
    if not rows.is_file():
        hints = [f"keep {run.name} and {name} together", "compare again"]
        raise ArtifactError("QK3242", f"the rows of this run are missing: {rows}", where=str(run), hints=hints)
    return rows


def _with_rows(bare: Comparison, shape: Shape, path: Path, digest: str) -> Comparison:
    with readable(path):
        content = named(path, digest).read_bytes()
    *lines, rest = content.split(b"\n")
    if hashlib.sha256(content).hexdigest() != digest:
        # What was cut off is missing at the end. Anything else is another file.
        if len(lines) >= shape.samples:
            raise _strange(path, "its SHA-256 is not the one that the run names")
        note = f"{path.name} ends after {len(lines)} of {shape.samples} samples"
        _log.warning("%s; %d bytes of a torn line are dropped", note, len(rest))
        bare = replace(bare, notes=(*bare.notes, note))
    elif len(lines) != shape.samples:
        raise _strange(path, f"it has {len(lines)} lines for {shape.samples} samples")
    with _uncollected():
        # One document is read in two thirds of the time of as many as there are lines.
        rows = decoded(b"[%b]" % b",".join(lines))
        if len(rows) != len(lines):
            raise ValueError(f"{len(lines)} lines hold {len(rows)} rows")
        return _filled(bare, shape, rows)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows make no cycles, and looking for some again and again takes a third of the time of reading them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _strange(rows: Path, cause: str) -> ArtifactError:
    title = "the rows are damaged or of another run"
    return ArtifactError("QK3243", title, where=str(rows), cause=cause, hints=["compare again"])


def _rows_written(comparison: Comparison) -> str:
    """A JSON object for each sample: id, label where known, and every candidate's columns."""
    labels = [None] * len(comparison.samples) if comparison.labels is None else comparison.labels.tolist()
    columns = {
        outcome.subject.name: {name: values.tolist() for name, values in outcome.rows.items()}
        for outcome in comparison.candidates
    }
    return "".join(
        f"{encoded({'id': sample, 'label': labels[index], 'candidates': _row(columns, index)})}\n"
        for index, sample in enumerate(comparison.samples)
    )


def _row(columns: Mapping[str, Mapping[str, Sequence[Any]]], index: int) -> dict[str, dict[str, Any]]:
    return {candidate: {name: values[index] for name, values in own.items()} for candidate, own in columns.items()}


def _filled(bare: Comparison, shape: Shape, rows: Sequence[Mapping[str, Any]]) -> Comparison:
    return replace(
        bare,
        samples=tuple(text(row["id"]) for row in rows),
        labels=_column([row["label"] for row in rows], "int64") if shape.labelled else None,
        candidates=tuple(
            replace(outcome, rows=_columns(shape.columns[outcome.subject.name], rows, outcome.subject.name))
            for outcome in bare.candidates
        ),
    )


def _columns(kinds: Mapping[str, str], rows: Sequence[Mapping[str, Any]], candidate: str) -> dict[str, Array]:
    own = [row["candidates"][candidate] for row in rows]
    return {name: _column([entry[name] for entry in own], kind) for name, kind in kinds.items()}


def _column(values: Sequence[Any], kind: str) -> Array | Counts:
    # Looking at types alone is many times as fast as looking at every value, of which a run has millions.
    if _PLAIN[kind].issuperset(map(type, values)):
        return np.array(values, np.dtype(kind))
    return np.array([_KINDS[kind](value) for value in values], np.dtype(kind))
