"""quantkit.baseline.json: canonical, so that a change of it is read as a diff; large outcomes lie in a file beside."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from quantkit.core import arguments, file_kinds
from quantkit.core.arrays import Array
from quantkit.core.artifact import Artifact
from quantkit.core.comparison import Interval, Latency
from quantkit.core.errors import ArtifactError, QuantkitError, TooLittleError, UsageError
from quantkit.core.files import named, readable, replacing_named, write_whole
from quantkit.core.json_values import MALFORMED, count, decoded, encoded, entries, real, text, texts
from quantkit.core.tolerance import Drop, Tolerance
from quantkit.gate import stored_outcomes
from quantkit.gate.baseline import Baseline, DataSet, Record, Timing
from quantkit.gate.consistency import refuse_edited

SCHEMA = "quantkit.baseline/1"

LARGEST = 64 << 10
"""Bytes of outcomes that may stand in the file itself; more would hide the figures in every diff."""

_BESIDE = "npz"
# With the level behind it, as in drop_ci95.
_BOUNDS = "drop_ci"
# What a zip archive and NumPy's own header add to each array, generously.
_OVERHEAD = 4096
# The largest zip that is looked at: a baseline of a million samples and ten metrics.
_MOST = 256 << 20

# What zipfile and NumPy say of a damaged archive, beyond `MALFORMED`.
_BROKEN_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, TokenError, EOFError, SyntaxError, RuntimeError, MemoryError, OSError, Warning),
)


def beside(path: Path) -> Path:
    """Where large outcomes go.

    >>> beside(Path("quantkit.baseline.json")).name
    'quantkit.baseline.npz'
    """
    return path.with_suffix(".npz")


def save(baseline: Baseline, path: Path) -> tuple[Artifact, ...]:
    """Writes the file, and the one beside it where there is much to store; equal baselines are equal bytes.

    Whatever happens in between, a whole baseline is read afterwards: the old one or this.
    """
    with replacing_named(beside(path), _outcomes_named_by(path)):
        return _saved(baseline, path)


def _outcomes_named_by(path: Path) -> str | None:
    """The digest of what lies beside the baseline that is there, if there is one."""
    try:
        return text(decoded(path.read_bytes())["outcomes"]["sha256"])
    except (OSError, *MALFORMED):
        return None


def _saved(baseline: Baseline, path: Path) -> tuple[Artifact, ...]:
    stored = {
        key: stored_outcomes.written(record.outcomes)
        for key, record in sorted(baseline.records.items())
        if record.outcomes is not None
    }
    written: list[Artifact] = []
    extra: dict[str, Any] = {}
    if sum(len(entry["data"]) for entry in stored.values()) > LARGEST:
        sidecar = beside(path)
        digest = write_whole(sidecar, _archive(baseline, list(stored)))
        written.append(Artifact(sidecar, "outcomes", digest))
        extra = {"outcomes": {"file": sidecar.name, "sha256": digest}}
        stored = {
            key: {"enc": _BESIDE, "kind": entry["enc"], "sha256": entry["sha256"], "array": f"outcomes_{number}"}
            for number, (key, entry) in enumerate(stored.items())
        }
    document = _document(baseline, stored) | extra
    digest = write_whole(path, f"{encoded(document, indent=1)}\n".encode("ascii"))
    return (Artifact(path, "baseline", digest), *written)


def _archive(baseline: Baseline, keys: list[str]) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, Any] = {
        f"outcomes_{number}": np.frombuffer(stored_outcomes.packed(outcomes), np.uint8)
        for number, key in enumerate(keys)
        if (outcomes := baseline.records[key].outcomes) is not None
    }
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _document(baseline: Baseline, outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "updated": baseline.updated,
        "reason": baseline.reason,
        "commit": baseline.commit,
        "dataset": {
            "id": baseline.dataset.span,
            "n": baseline.dataset.samples,
            "manifest_sha256": baseline.dataset.manifest,
        },
        "checks": {key: _from_record(record, outcomes.get(key)) for key, record in baseline.records.items()},
        "latency": {key: _from_timing(timing) for key, timing in baseline.timings.items()},
        "tolerance": {metric: _from_tolerance(tolerance) for metric, tolerance in baseline.tolerances.items()},
    }


def _from_record(record: Record, outcomes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "fp32": record.fp32,
        "int8": record.int8,
        "unit": record.unit,
        **_from_drop(record.drop),
        "discordant": None if record.discordant is None else list(record.discordant),
        "outcomes": outcomes,
        "calibration": dict(record.calibration),
        "env": dict(record.environment),
    }


def _from_drop(drop: Interval | None) -> dict[str, Any]:
    if drop is None:
        return {"drop": None}
    return {"drop": drop.estimate, f"{_BOUNDS}{100 * drop.level:g}": [drop.low, drop.high], "drop_method": drop.method}


def _from_timing(timing: Timing) -> dict[str, Any]:
    ratios = {percentile: asdict(ratio) for percentile, ratio in timing.ratios.items()}
    return {
        "fp32": _from_latency(timing.fp32),
        "int8": _from_latency(timing.int8),
        "env": dict(timing.environment),
        **({"ratios": ratios} if ratios else {}),
    }


def _from_latency(latency: Latency) -> dict[str, Any]:
    return {name: getattr(latency, name) for name in ("p50_ms", "p90_ms", "runs", "batch", "warmup")}


def _from_tolerance(tolerance: Tolerance) -> dict[str, Any]:
    given = {
        "min_ratio": tolerance.min_ratio,
        "max_drop": None if tolerance.max_drop is None else str(tolerance.max_drop),
    }
    return {name: limit for name, limit in given.items() if limit is not None}


@arguments.checked_as("load_baseline")
def load(path: Path | str) -> Baseline:
    """Reads what `save` wrote.

    Raises:
        TooLittleError: there is no such file: nothing can be said about a regression.
        ArtifactError: it is of another schema, damaged, its outcomes are missing or of another baseline, or its
            figures are not those of its outcomes.
    """
    path = Path(path)
    if not path.exists():
        hints = [f'quantkit baseline update RUN --baseline {path} --reason "first baseline"', "and commit the file"]
        raise TooLittleError("QK6010", f"there is no baseline {path}", where=str(path), hints=hints)
    with readable(path):
        content = path.read_bytes()
    try:
        document = decoded(content)
        if document["schema"] != SCHEMA:
            raise _unusable(content, f"its schema is {document['schema']!r}, this version reads {SCHEMA!r}", path)
        found = _read(document, path)
        refuse_edited(found)
        return found
    except (*MALFORMED, *_BROKEN_ARCHIVE) as reason:
        raise _unusable(content, f"{type(reason).__name__}: {reason}", path) from reason
    except UsageError as reason:
        # A tolerance that nobody could have asked for.
        raise _refused(reason.title, path) from reason
    except ArtifactError as refusal:
        raise refusal.located(str(path)) from refusal.__cause__


def _unusable(content: bytes, cause: str, path: Path) -> QuantkitError:
    """What else the file is, or else what is wrong with it."""
    return (file_kinds.mistaken("QK6011", "baseline", content) or _refused(cause, path)).located(str(path))


def _refused(cause: str, path: Path) -> ArtifactError:
    hints = ["take the file from version control", "or make it anew: quantkit baseline update"]
    return ArtifactError("QK6011", "not a usable baseline", where=str(path), cause=cause, hints=hints)


def _read(document: Mapping[str, Any], path: Path) -> Baseline:
    told = document["dataset"]
    data = DataSet(text(told["id"]), count(told["n"]), text(told["manifest_sha256"]))
    arrays = (
        _beside(document["outcomes"], path, data.samples, len(document["checks"])) if "outcomes" in document else {}
    )
    return Baseline(
        updated=text(document["updated"]),
        reason=text(document["reason"]),
        commit=text(document["commit"]),
        dataset=data,
        records={key: _to_record(entry, data.samples, arrays) for key, entry in document["checks"].items()},
        tolerances={metric: _to_tolerance(entry) for metric, entry in document["tolerance"].items()},
        timings={key: _to_timing(entry) for key, entry in document.get("latency", {}).items()},
    )


def _to_record(entry: Mapping[str, Any], samples: int, arrays: Mapping[str, bytes]) -> Record:
    pair, outcomes = entry.get("discordant"), entry.get("outcomes")
    return Record(
        fp32=real(entry["fp32"]),
        int8=real(entry["int8"]),
        unit=text(entry.get("unit", "")),
        drop=_to_drop(entry),
        discordant=None if pair is None else (count(pair[0]), count(pair[1])),
        outcomes=None if outcomes is None else _to_outcomes(outcomes, samples, arrays),
        calibration=texts(entry.get("calibration", {})),
        environment=texts(entry.get("env", {})),
    )


def _to_drop(entry: Mapping[str, Any]) -> Interval | None:
    if entry.get("drop") is None:
        return None
    name = next((name for name in sorted(entry) if name.startswith(_BOUNDS)), _BOUNDS)
    low, high = map(real, entries(entry[name]))
    level = float(name.removeprefix(_BOUNDS)) / 100
    if not 0 < level < 1:
        raise ValueError(f"{name!r} is no level")
    return Interval(real(entry["drop"]), low, high, level, text(entry.get("drop_method", "")))


def _to_timing(entry: Mapping[str, Any]) -> Timing:
    ratios = {text(percentile): _to_ratio(ratio) for percentile, ratio in entry.get("ratios", {}).items()}
    return Timing(_to_latency(entry["fp32"]), _to_latency(entry["int8"]), texts(entry["env"]), ratios)


def _to_ratio(entry: Mapping[str, Any]) -> Interval:
    low, estimate, high, level = (real(entry[name]) for name in ("low", "estimate", "high", "level"))
    if not (0 <= low <= estimate <= high and 0 < estimate < math.inf and 0 < level < 1):
        raise ValueError(f"{low} to {high} is no interval of a ratio")
    return Interval(estimate, low, high, level, text(entry["method"]))


def _to_latency(entry: Mapping[str, Any]) -> Latency:
    runs, batch, warmup = (count(entry[name]) for name in ("runs", "batch", "warmup"))
    return Latency(real(entry["p50_ms"]), real(entry["p90_ms"]), runs, batch, warmup)


def _to_tolerance(entry: Mapping[str, Any]) -> Tolerance:
    ratio, drop = entry.get("min_ratio"), entry.get("max_drop")
    return Tolerance(
        min_ratio=None if ratio is None else real(ratio), max_drop=None if drop is None else Drop.parsed(text(drop))
    )


def _to_outcomes(entry: Mapping[str, Any], samples: int, arrays: Mapping[str, bytes]) -> Array:
    if entry["enc"] != _BESIDE:
        return stored_outcomes.read(entry, samples)
    raw = arrays[text(entry["array"])]
    if hashlib.sha256(raw).hexdigest() != text(entry["sha256"]):
        raise ValueError("the SHA-256 of stored outcomes does not match")
    return stored_outcomes.unpacked(raw, text(entry["kind"]), samples)


def _beside(entry: Mapping[str, Any], path: Path, samples: int, checks: int) -> dict[str, bytes]:
    """The arrays in the file beside; what it claims to hold is looked at before it is unpacked."""
    sidecar = beside(path)
    if text(entry["file"]) != sidecar.name or not sidecar.is_file() or sidecar.stat().st_size > _MOST:
        raise ValueError(f"its outcomes are not in {sidecar.name} beside it")
    with readable(sidecar):
        content = named(sidecar, text(entry["sha256"])).read_bytes()
    if hashlib.sha256(content).hexdigest() != text(entry["sha256"]):
        raise ValueError(f"{sidecar.name} belongs to another baseline")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > checks * (8 * samples + _OVERHEAD):
            raise ValueError(f"{sidecar.name} holds more than outcomes")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: np.asarray(arrays[name], np.uint8).tobytes() for name in arrays.files}
