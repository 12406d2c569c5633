"""Statistics as a safetensors file: a stack of counts, and everything else as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from quantkit.core import file_kinds
from quantkit.core.arrays import Array, Counts
from quantkit.core.errors import ArtifactError
from quantkit.core.files import readable, write_whole
from quantkit.core.histogram import BINS, LOWEST_EXPONENT, Histogram, exponent_for
from quantkit.core.statistics import SCHEMA, ChannelExtrema, Fingerprint, SampleId, Statistics

_KEY = "quantkit.statistics"
"""The one entry of the header's metadata: with more, their order, and so the bytes, would be left to chance."""

# For T tensors in the order that the header names them, and C channels in that of its channels.
_COUNTS = "counts"  # int64[T, 2, 4096]: above zero, below
_TALLIES = "tallies"  # int64[T, 5]: exponent, exact zeros, NaN, +inf, −inf
_EXTREMA = "extrema"  # float32[T, 2]: smallest and largest finite value
_CHANNELS = "channels"  # float32[2, C]: smallest, largest

# Bytes of a file that is no statistics, up to which it is read to say what else it is.
_LOOKED_AT = 64 << 20

_MOST_PARTS = 1 << 16
"""More shards than anybody has machines for."""


def save(statistics: Statistics, path: Path) -> str:
    """Writes `statistics` atomically; equal statistics are equal bytes. Returns the file's SHA-256.

    Raises:
        SetupError: the file cannot be written; whatever was there before is untouched.
    """
    return write_whole(path, serialized(_arrays(statistics), {_KEY: _header(statistics)}))


def load(path: Path) -> Statistics:
    """Reads what `save` wrote.

    Raises:
        ArtifactError: no such file, not saved statistics, another schema, or content that counting cannot have left.
    """
    try:
        # Opened here first, since safetensors does not say why it cannot.
        with readable(path), path.open("rb"), safe_open(path, framework="numpy") as stored:
            text = (stored.metadata() or {}).get(_KEY)
            if text is None:
                raise _foreign(path, "its header does not say that quantkit wrote it")
            header = _decoded(text)
            arrays = {name: stored.get_tensor(name) for name in (_COUNTS, _TALLIES, _EXTREMA, _CHANNELS)}
        return _statistics(header, arrays)
    except SafetensorError as reason:
        other = file_kinds.other_than("statistics", path.read_bytes()) if path.stat().st_size <= _LOOKED_AT else None
        raise _foreign(path, f"it is {other}" if other else str(reason)) from reason
    except ArtifactError as refusal:
        raise refusal.located(str(path)) from refusal.__cause__
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise _damaged(f"{type(reason).__name__}: {reason}").located(str(path)) from reason


def _header(statistics: Statistics) -> str:
    content = {
        "fingerprint": asdict(statistics.fingerprint),
        "tensors": list(statistics.histograms),
        "channels": [[name, c.axis, c.low.size] for name, c in statistics.channels.items()],
        "samples": statistics.samples,
        "environment": dict(statistics.environment),
        "first_nonfinite": dict(statistics.first_nonfinite),
        **({"parts": statistics.parts} if statistics.parts else {}),
    }
    # ASCII, since file names may hold bytes that are not UTF-8.
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _arrays(statistics: Statistics) -> dict[str, Array]:
    histograms, channels = statistics.histograms.values(), statistics.channels.values()
    lows, highs = ([np.ravel(c.low) for c in channels], [np.ravel(c.high) for c in channels])
    nothing = np.zeros(0, np.float32)
    return {
        _COUNTS: np.array([(h.positive, h.negative) for h in histograms], np.int64).reshape(-1, 2, BINS),
        _TALLIES: np.array([_tallies(h) for h in histograms], np.int64).reshape(-1, 5),
        _EXTREMA: np.array([(h.low, h.high) for h in histograms], np.float32).reshape(-1, 2),
        _CHANNELS: np.stack([np.concatenate([nothing, *lows]), np.concatenate([nothing, *highs])]),
    }


def _tallies(histogram: Histogram) -> tuple[int, ...]:
    infinities = histogram.positive_infinities, histogram.negative_infinities
    return histogram.exponent, histogram.zeros, histogram.nans, *infinities


def _decoded(text: str) -> Mapping[str, Any]:
    header: Mapping[str, Any] = json.loads(text)
    schema = header["fingerprint"]["schema"]
    if schema != SCHEMA:
        raise ArtifactError(
            "QK3232",
            f"statistics of schema {schema}, but this version reads schema {SCHEMA}",
            hints=["collect the statistics again", "use the version of quantkit that wrote them"],
        )
    return header


def _statistics(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Statistics:
    histograms = _histograms([str(name) for name in header["tensors"]], arrays)
    return Statistics(
        fingerprint=_fingerprint(header["fingerprint"]),
        histograms=histograms,
        samples=tuple(SampleId(str(name), str(digest)) for name, digest in header["samples"]),
        channels=_channels(header["channels"], arrays[_CHANNELS]),
        environment=_texts(header["environment"]),
        first_nonfinite=_texts(header["first_nonfinite"]),
        parts=tuple(_part(entry) for entry in header.get("parts", ())),
    )


def _fingerprint(entries: Mapping[str, Any]) -> Fingerprint:
    found = Fingerprint(**entries)
    if not isinstance(json.loads(found.preprocessing), dict):
        raise ValueError("the record of the preprocessing is no JSON object")
    return found


def _histograms(names: list[str], arrays: Mapping[str, Array]) -> dict[str, Histogram]:
    counts = _shaped(arrays, _COUNTS, np.int64, (len(names), 2, BINS))
    tallies = _shaped(arrays, _TALLIES, np.int64, (len(names), 5))
    extrema = _shaped(arrays, _EXTREMA, np.float32, (len(names), 2))
    found = {}
    for name, (above, below), tally, (low, high) in zip(names, counts, tallies, extrema, strict=True):
        exponent, zeros, nans, up, down = map(int, tally)
        found[name] = Histogram(exponent, above, below, zeros, nans, up, down, float(low), float(high))
        if not _can_be_counted(found[name]):
            raise _damaged(f"the counts of tensor {name!r} contradict each other")
    if len(found) < len(names):
        raise _damaged("a tensor is named twice")
    return found


# Beyond this, sums of counts are not exact in the float64 that thresholds are searched in.
_MOST = 2**53


def _can_be_counted(histogram: Histogram) -> bool:
    """Whether some values leave these counts, as far as a look at their ends can tell."""
    sides = histogram.positive, histogram.negative
    tallies = histogram.zeros, histogram.nans, histogram.positive_infinities, histogram.negative_infinities
    if min(*tallies, *(int(side.min()) for side in sides)) < 0:
        return False
    if sum(side.sum(dtype=np.float64) for side in sides) + sum(tallies) > _MOST:
        return False
    if histogram.count == 0:
        return (histogram.low, histogram.high) == (np.inf, -np.inf) and histogram.exponent == LOWEST_EXPONENT
    return _ends_agree(histogram)


def _ends_agree(histogram: Histogram) -> bool:
    low, high = histogram.low, histogram.high
    if not (-np.inf < low <= high < np.inf) or histogram.exponent != exponent_for(histogram.limit):
        return False
    if histogram.zeros and not low <= 0 <= high:
        return False
    return all(
        _occupied(side) == (int(end / histogram.width) + 1 if end > 0 else 0)
        for side, end in ((histogram.positive, high), (histogram.negative, -low))
    )


def _occupied(side: Counts) -> int:
    """Bins up to the outermost one that holds a value."""
    return int(np.trim_zeros(side, "b").size)


def _channels(entries: list[tuple[str, int, int]], extrema: Array) -> dict[str, ChannelExtrema]:
    extrema = _shaped({_CHANNELS: extrema}, _CHANNELS, np.float32, (2, sum(int(size) for _, _, size in entries)))
    ends = np.cumsum([0, *(int(size) for _, _, size in entries)])
    return {
        str(name): ChannelExtrema(int(axis), extrema[0, start:end], extrema[1, start:end])
        for (name, axis, _), start, end in zip(entries, ends[:-1], ends[1:], strict=True)
    }


def _shaped(arrays: Mapping[str, Array], name: str, dtype: type, shape: tuple[int, ...]) -> Array:
    array = arrays[name]
    if array.dtype != dtype or array.shape != shape:
        raise _damaged(f"{name} is {array.dtype}{list(array.shape)}, not {np.dtype(dtype)}{list(shape)}")
    return array


def _part(entry: Any) -> str:
    number, count = map(int, str(entry).split("/"))
    if not 1 <= number <= count <= _MOST_PARTS:
        raise ValueError(f"there is no shard {entry}")
    return f"{number}/{count}"


def _texts(entries: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in entries.items()}


def _foreign(path: Path, cause: str) -> ArtifactError:
    return ArtifactError(
        "QK3231",
        f"{path.name} does not hold statistics, or only part of them",
        where=str(path),
        cause=cause,
        hints=["collect the statistics again", "give a file that quantkit itself wrote"],
    )


def _damaged(cause: str) -> ArtifactError:
    return ArtifactError(
        "QK3233",
        "these statistics are damaged or were edited",
        cause=cause,
        hints=["collect the statistics again"],
    )
