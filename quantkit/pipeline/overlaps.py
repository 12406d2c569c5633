"""Candidates that were calibrated on samples on which they are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from quantkit.core.comparison import DOUBTFUL, Subject
from quantkit.core.errors import ArtifactError
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.statistics import SampleId
from quantkit.data.overlap import Overlap, recognized
from quantkit.graph import provenance
from quantkit.graph.model import Model


def calibrated_on(model: Model) -> SampleHashes | None:
    """What the samples are known by that `model` was calibrated on; ``None`` where it does not say.

    Raises:
        ArtifactError: what it says is damaged.
    """
    try:
        return provenance.sample_hashes(model.proto)
    except ArtifactError as refusal:
        raise refusal.located(str(model.path or model.proto.graph.name)) from refusal.__cause__


@dataclass(frozen=True, slots=True)
class Overlaps:
    """What candidates share with the samples on which they are compared.

    Args:
        found: candidate → its overlap; ``None`` where there is none that is known.
    """

    found: Mapping[str, Overlap | None]

    @classmethod
    def of(cls, calibrated: Mapping[str, SampleHashes | None], evaluated: Sequence[SampleId]) -> Overlaps:
        """Those of candidates that say, or do not, which samples they were calibrated on."""
        return cls({name: recognized(hashes, evaluated) if hashes else None for name, hashes in calibrated.items()})

    @property
    def notes(self) -> list[str]:
        """A note for each overlap, with the names of the candidates that have it, unless all do."""
        alike: dict[str, list[str]] = {}
        for name, overlap in self.found.items():
            if overlap is not None:
                alike.setdefault(str(overlap), []).append(name)
        named = {
            told: "" if len(names) == len(self.found) else f"{', '.join(names)}: " for told, names in alike.items()
        }
        return [f"{DOUBTFUL}{names}{told}" for told, names in named.items()]

    def told(self, candidate: Subject) -> Subject:
        """The candidate, saying how many samples it was calibrated on: for the gate, which reads no sentences."""
        overlap = self.found.get(candidate.name)
        if overlap is None:
            return candidate
        known = {"calibrated_on": str(overlap.count), **candidate.provenance}
        # In the order in which run.json holds them.
        return replace(candidate, provenance=dict(sorted(known.items())))
