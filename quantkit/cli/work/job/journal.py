"""What a run was asked and how far it came, a line at a time, so that another process can take it up."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quantkit.core.errors import ArtifactError
from quantkit.core.files import readable, sweep, writable, write_whole

_log = logging.getLogger(__name__)

SCHEMA = "quantkit.journal/1"


@dataclass(frozen=True, slots=True)
class Journal:
    """The record of one run.

    Args:
        path: a JSON Lines file; the first line is what the run was asked, each further one a step done.
        asked: option name → texts, all of them, paths absolute.
        inputs: what the result depends on, name → digest or version; a resumed run must find the same.
        steps: step name → what there is to know about it.
        command: the command line that began it.
    """

    path: Path
    asked: Mapping[str, Sequence[str]]
    inputs: Mapping[str, str]
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    command: str = ""

    @property
    def checkpoint(self) -> Path:
        """Where the statistics collected so far are kept."""
        return self.path.with_suffix(".safetensors")

    @property
    def has_progressed(self) -> bool:
        """Whether there is anything that another process would not have to do again."""
        return bool(self.steps) or self.checkpoint.exists() or len(self.path.read_bytes().splitlines()) > 1

    def begin(self) -> None:
        """Writes the first line; what an earlier run to the same output left is gone."""
        self.forget()
        with writable(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(self.path.parent)
        line = {"schema": SCHEMA, "asked": {name: list(texts) for name, texts in self.asked.items()}}
        write_whole(self.path, _line({**line, "inputs": dict(self.inputs), "command": self.command}))

    def record(self, step: str, facts: Mapping[str, Any]) -> None:
        """Adds a line and waits until it is on the disk."""
        with writable(self.path), self.path.open("ab") as stream:
            stream.write(_line({"step": step, **facts}))
            stream.flush()
            os.fsync(stream.fileno())

    def forget(self) -> None:
        """Removes journal and checkpoint: the run is done, and its results speak for themselves."""
        for path in (self.path, self.checkpoint):
            with writable(path):
                path.unlink(missing_ok=True)
                sweep(path)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    def require(self, inputs: Mapping[str, str]) -> None:
        """Refuses to go on when something that the result depends on has changed.

        Raises:
            ArtifactError: names each of them, with the value it had and the one it has.
        """
        names = sorted(self.inputs.keys() | inputs.keys())
        changed = [
            f"{name}: {_short(self.inputs.get(name))} then, {_short(inputs.get(name))} now"
            for name in names
            if self.inputs.get(name) != inputs.get(name)
        ]
        if changed:
            raise ArtifactError(
                "QK3251",
                "the interrupted run cannot be resumed: what it depends on has changed",
                where=str(self.path),
                cause="; ".join(changed),
                hints=["run the whole command again, with --force"],
            )


def journal_path(output: Path) -> Path:
    """The one journal of an output: beside it, named after it."""
    whole = output.absolute()
    name = hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]
    return whole.parent / ".quantkit" / f"run-{name}.jsonl"


def read(path: Path) -> Journal:
    """Takes up the journal of an interrupted run. A last line that was torn off is dropped, with a notice.

    Raises:
        ArtifactError: it is not there, not a journal, or damaged.
    """
    with readable(path):
        lines = path.read_bytes().split(b"\n")
    _refuse_shared(path.parent)
    # A whole line ends with its newline, so the last piece is empty or was torn off.
    if lines.pop():
        _log.warning("%s: the last line was cut off and is dropped; that step is done again", path)
        _mend(path, lines)
    try:
        first, *steps = [json.loads(line) for line in lines]
        if first["schema"] != SCHEMA:
            raise refused(path, f"its schema is {first['schema']!r}, this version reads {SCHEMA!r}")
        return Journal(
            path=path,
            asked={str(name): tuple(str(text) for text in texts) for name, texts in first["asked"].items()},
            inputs={str(name): str(value) for name, value in first["inputs"].items()},
            steps={str(step["step"]): step for step in steps},
            command=str(first.get("command", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise refused(path, f"{type(reason).__name__}: {reason}") from reason


def _refuse_shared(folder: Path) -> None:
    """Whoever can write here can choose the numbers that a resumed run goes on with."""
    status = folder.lstat()
    others_may = status.st_uid != os.geteuid() or status.st_mode & 0o022 or stat.S_ISLNK(status.st_mode)
    if os.name == "posix" and others_may:
        raise ArtifactError(
            "QK3253",
            f"{folder} is a link, or others can write into it, so what it says of an interrupted run cannot be trusted",
            where=str(folder),
            hints=["remove it and run the whole command again", f"or, if you trust them: chmod go-w {folder}"],
        )


def _mend(path: Path, lines: Sequence[bytes]) -> None:
    """Cuts the torn line off the file too, or the next one would be glued to it."""
    write_whole(path, b"".join(line + b"\n" for line in lines))


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True).encode() + b"\n"


def refused(path: Path, cause: str) -> ArtifactError:
    """The error for a file that is no journal, or of which something is missing."""
    return ArtifactError(
        "QK3252",
        "not a usable journal of an interrupted run",
        where=str(path),
        cause=cause,
        hints=["run the whole command again, with --force"],
    )


def _short(value: str | None) -> str:
    return "nothing" if value is None else value[:16]
