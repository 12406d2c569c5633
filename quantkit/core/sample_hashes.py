"""Which samples were calibrated on, as short hashes of their content: enough to know one again, and no names."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from quantkit.core.json_values import count, text

MOST = 4096
"""Hashes that are kept at most: 33 kB as text, in the metadata of a model; most calibration sets are smaller.

A reader counts on it: with another number the record needs another name.
"""

_BYTES = 6
"""Bytes of a hash. By chance 4096 contents and 50 000 others have one in common once in a million times."""

_MOST_CONTENTS = 2**53
"""Beyond it a float64, in which an overlap is estimated, does not hold every count."""


@dataclass(frozen=True, slots=True)
class SampleHashes:
    """The lowest hashes of the contents of a set of samples: all of them, or a random draw from a large set.

    Whether a content is drawn depends on its own hash and on how many are lower, and not on order, shards or
    repetitions. This is the bottom-k sketch of E. Cohen and H. Kaplan, Summarizing data using bottom-k sketches, 2007.

    >>> hashes = SampleHashes.of(["11", "22", "11"])
    >>> hashes.distinct, hashes.holds(["22", "33"])
    (2, [True, False])

    Args:
        distinct: contents in the set that differ.
        lowest: the `MOST` lowest of their hashes, or all, ascending, 6 bytes each, in base64.

    Raises:
        ValueError: so many contents have no such hashes.
    """

    distinct: int
    lowest: str

    def __post_init__(self) -> None:
        """Refuses what `of` does not make."""
        hashes = self._hashes
        if not 0 <= self.distinct <= _MOST_CONTENTS or len(hashes) != self.kept:
            raise ValueError(f"{len(hashes)} hashes are not those of {self.distinct:.6g} contents")
        if any(len(each) != _BYTES for each in hashes) or any(one >= other for one, other in pairwise(hashes)):
            raise ValueError("the hashes of contents are cut off or out of order")

    @classmethod
    def of(cls, digests: Iterable[str]) -> SampleHashes:
        """Those of the contents with these digests."""
        hashes = sorted(set(map(_hash, digests)))
        return cls(len(hashes), base64.b64encode(b"".join(hashes[:MOST])).decode("ascii"))

    @property
    def kept(self) -> int:
        """Contents whose hashes are here."""
        return min(self.distinct, MOST)

    @property
    def is_whole(self) -> bool:
        """Whether the hash of every content is here."""
        return self.distinct <= MOST

    def holds(self, digests: Sequence[str]) -> list[bool]:
        """For each content whether its hash is here: whether it is in the set, if that is whole."""
        hashes = set(self._hashes)
        return [_hash(digest) in hashes for digest in digests]

    @property
    def _hashes(self) -> list[bytes]:
        packed = base64.b64decode(self.lowest, validate=True)
        return [packed[start : start + _BYTES] for start in range(0, len(packed), _BYTES)]

    def __repr__(self) -> str:
        return f"SampleHashes({self.distinct} contents)"


def sample_hashes_from(document: Mapping[str, Any]) -> SampleHashes:
    """What `dataclasses.asdict` made of hashes, read back. Raises one of `MALFORMED` on damage."""
    return SampleHashes(count(document["distinct"]), text(document["lowest"]))


def _hash(digest: str) -> bytes:
    """Hashed once more, as a source may call its contents by digests that are not spread evenly."""
    return hashlib.sha256(digest.encode("utf-8", "surrogatepass")).digest()[:_BYTES]
