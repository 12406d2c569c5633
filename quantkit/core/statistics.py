"""What one pass over the data leaves: a histogram for every tensor, and proof of which samples it saw."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quantkit.core import arguments, plugins
from quantkit.core.arrays import Floats
from quantkit.core.errors import ArtifactError
from quantkit.core.histogram import Histogram
from quantkit.core.notebook import html_table
from quantkit.core.text import enumerated

SCHEMA = 1

# Imports this module, and the package that reads the format, which whoever only counts does not need.
_FILE = "quantkit.core.statistics_file"


class SampleId(NamedTuple):
    """A sample's name in its source (a relative path, an index) and the SHA-256 of its content."""

    name: str
    digest: str


def samples_digest(samples: Iterable[SampleId]) -> str:
    """SHA-256, in hex, over names and digests: the order of files is no property of a data set.

    Whether a model is compared on the samples that calibrated it is told by equal digests, so all are made here.
    """
    listed = "\n".join(f"{sample.name}\t{sample.digest}" for sample in sorted(samples))
    return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two sets of statistics must share before they may be merged.

    Args:
        model: SHA-256 of graph and weights.
        preprocessing: canonical JSON of the preprocessing record.
        dtype: the type that activations were computed in.
        schema: version of the statistics' layout.
    """

    model: str
    preprocessing: str = "{}"
    dtype: str = "float32"
    schema: int = SCHEMA

    def differences(self, other: Fingerprint) -> list[str]:
        """One line for each field that differs, with both values.

        >>> Fingerprint("aa").differences(Fingerprint("bb"))
        ['model: aa against bb']
        """
        pairs = [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return [f"{name}: {mine} against {theirs}" for name, mine, theirs in pairs if mine != theirs]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelExtrema:
    """Exact smallest and largest finite value along `axis`: float32[channels] each."""

    axis: int
    low: Floats
    high: Floats

    def merge(self, other: ChannelExtrema) -> ChannelExtrema:
        """The extrema of both sets of values."""
        return ChannelExtrema(self.axis, np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ChannelExtrema)
            and self.axis == other.axis
            and np.array_equal(self.low, other.low)
            and np.array_equal(self.high, other.high)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The mergeable state from which every threshold rule works.

    Args:
        fingerprint: equal or refused when merging.
        histograms: tensor name → histogram.
        samples: who was counted, sorted; disjoint or refused when merging.
        channels: tensor name → per-channel extrema, for the tensors that were asked for.
        environment: versions, threads, instruction set, as recorded; never compared.
        first_nonfinite: tensor name → name of the first sample that gave NaN or infinity, in ``report`` mode.
        parts: the shards that are in it, as ``"1/4"``; empty when the data was not taken apart, or is whole again.
    """

    fingerprint: Fingerprint
    histograms: Mapping[str, Histogram]
    samples: tuple[SampleId, ...]
    channels: Mapping[str, ChannelExtrema] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    first_nonfinite: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Keeps samples and tensors in sorted order, so that equal content is equal bytes."""
        object.__setattr__(self, "samples", tuple(sorted(self.samples)))
        object.__setattr__(self, "histograms", dict(sorted(self.histograms.items())))
        object.__setattr__(self, "channels", dict(sorted(self.channels.items())))

    @arguments.checked
    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both sets of samples.

        Raises:
            ArtifactError: model, preprocessing, dtype or tensors differ, or a sample was counted in both.
        """
        self._refuse_strangers(other)
        self._refuse_overlap(other)
        return Statistics(
            fingerprint=self.fingerprint,
            histograms={name: h.merge(other.histograms[name]) for name, h in self.histograms.items()},
            samples=self.samples + other.samples,
            channels={name: c.merge(other.channels[name]) for name, c in self.channels.items()},
            environment=_agreed(self.environment, other.environment),
            first_nonfinite=_first(self.first_nonfinite, other.first_nonfinite),
            parts=_whole({*self.parts, *other.parts}),
        )

    def as_part(self, number: int, count: int) -> Statistics:
        """The same, as shard `number` of `count`."""
        return replace(self, parts=_whole({f"{number}/{count}"}))

    @arguments.checked
    def save(self, path: Path | str) -> str:
        """Writes one safetensors file, atomically; equal statistics are equal bytes. Returns the SHA-256."""
        return str(plugins.optional(_FILE).save(self, Path(path)))

    @classmethod
    @arguments.checked
    def load(cls, path: Path | str) -> Statistics:
        """Reads what `save` wrote.

        Raises:
            ArtifactError: no such file, not saved statistics, another schema, or content that counting cannot have
                left.
        """
        found: Statistics = plugins.optional(_FILE).load(Path(path))
        return found

    @property
    def absent(self) -> tuple[str, ...]:
        """The shards that belong to those that are in it and are not."""
        return _absent(self.parts)

    def _refuse_strangers(self, other: Statistics) -> None:
        differences = self.fingerprint.differences(other.fingerprint)
        if self.histograms.keys() != other.histograms.keys() or self.channels.keys() != other.channels.keys():
            odd = sorted(self.histograms.keys() ^ other.histograms.keys())
            differences.append(f"tensors: {len(odd)} are in one only, such as {odd[:3]}")
        if differences:
            raise ArtifactError(
                "QK3211",
                "statistics of different origin cannot be merged",
                cause="; ".join(differences),
                hints=["collect every shard with the same model, preprocessing and exclusions"],
            )

    def _refuse_overlap(self, other: Statistics) -> None:
        twice = sorted(set(self.samples) & set(other.samples))
        if twice:
            raise ArtifactError(
                "QK3212",
                f"{len(twice)} samples are in both sets of statistics and would be counted twice",
                where=twice[0].name,
                hints=["merge disjoint shards only: collect them with --shard 1/n … n/n"],
            )

    def __repr__(self) -> str:
        return f"Statistics({len(self.histograms)} tensors from {len(self.samples)} samples)"

    def _repr_html_(self) -> str:
        rows = [[name, *own.facts.values()] for name, own in self.histograms.items()]
        return html_table(repr(self), ["tensor", *Histogram.empty().facts], rows)


def merged(parts: Iterable[Statistics]) -> Statistics:
    """All `parts` as one; the order does not matter."""
    return reduce(Statistics.merge, parts)


def _whole(parts: Collection[str]) -> tuple[str, ...]:
    """The shards in order; nothing when they are all there."""
    return tuple(sorted(parts, key=_place)) if _absent(parts) else ()


def _absent(parts: Collection[str]) -> tuple[str, ...]:
    """
    >>> _absent(["2/3"])
    ('1/3', '3/3')
    """
    counts = {count for _, count in map(_place, parts)}
    every = [f"{number}/{count}" for count in sorted(counts) for number in range(1, count + 1)]
    return tuple(part for part in every if part not in parts)


def _place(part: str) -> tuple[int, int]:
    number, _, count = part.partition("/")
    return int(number), int(count)


_MOST_NAMED = 5


def incomplete(absent: Sequence[str]) -> str:
    """What is wrong with statistics that lack shards."""
    return (
        f"the statistics are of a part of the data: shard {enumerated(absent, _MOST_NAMED)} "
        f"{'is' if len(absent) == 1 else 'are'} missing, and so may be the largest values"
    )


def _agreed(mine: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Both environments; where they differ, every value once, sorted."""
    keys = sorted(mine.keys() | theirs.keys())
    values = {key: {*mine.get(key, "").split(" | "), *theirs.get(key, "").split(" | ")} - {""} for key in keys}
    return {key: " | ".join(sorted(seen)) for key, seen in values.items()}


def _first(mine: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """For each tensor the alphabetically first sample, which no order of merging changes."""
    keys = sorted(mine.keys() | theirs.keys())
    return {key: min(names[key] for names in (mine, theirs) if key in names) for key in keys}
