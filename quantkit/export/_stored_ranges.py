"""Reads back what `ranges_json` wrote, or someone else in its form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantkit.core.errors import ArtifactError, DataError
from quantkit.core.files import readable
from quantkit.core.json_values import MALFORMED, decoded, real, text
from quantkit.core.ranges import Range
from quantkit.export.ranges_json import SCHEMA


@dataclass(frozen=True, slots=True)
class StoredRanges:
    """Tensor → range, with the rule and the model's digest where the file names them; empty where not."""

    ranges: dict[str, Range]
    rule: str = ""
    model: str = ""


def load(path: Path) -> StoredRanges:
    """The ranges at `path`; of each tensor only low and high are read, since scale and zero point follow from them.

    Raises:
        ArtifactError: not such a file, or a range that is inverted or not finite.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        document = decoded(content)
        if text(document["schema"]) != SCHEMA:
            raise ValueError(f"its schema is {document['schema']!r}, not {SCHEMA!r}")
        ranges = {name: _range(entry) for name, entry in document["tensors"].items()}
        if not ranges:
            raise ValueError("it names no tensor")
        return StoredRanges(ranges, text(document.get("rule", "")), text(document.get("model", "")))
    except (*MALFORMED, DataError) as reason:
        cause = reason.title if isinstance(reason, DataError) else f"{type(reason).__name__}: {reason}"
        example = '{"conv1": {"low": -2.5, "high": 2.5}}'
        hints = [f'a file of ranges is like {{"schema": "{SCHEMA}", "tensors": {example}}}']
        raise ArtifactError("QK3269", "no usable ranges", where=str(path), cause=cause, hints=hints) from reason


def _range(entry: Any) -> Range:
    return Range(real(entry["low"]), real(entry["high"]))
