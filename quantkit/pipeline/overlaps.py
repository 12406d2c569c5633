"""Candidates that were calibrated on samples on which they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def notes_on_unrecorded(candidates: Iterable[Subject], calibrated: Mapping[str, SampleHashes | None]) -> list[str]:
    """That nothing is known of an overlap, for models of quantkit's own that do not say what they were calibrated on.

    From elsewhere no model says it, so that of those nothing is told.

    Args:
        candidates: with what the models say of their origin.
        calibrated: candidate → what the samples are known by that it was calibrated on; one that is not here is not
            asked.
    """
    names = [
        candidate.name
        for candidate in candidates
        if candidate.name in calibrated
        and calibrated[candidate.name] is None
        and "quantkit.rule" in candidate.provenance
        and candidate.provenance.get("quantkit.synthetic") != "true"
    ]
    if not names:
        return []
    were = f"{', '.join(names)} {'was' if len(names) == 1 else 'were'}"
    return [f"what {were} calibrated on is not recorded: whether these samples took part cannot be told"]


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
        """The candidate, saying how many samples it was calibrated on: for the gate, which reads no sentences.

        An estimate comes with its interval.
        """
        overlap = self.found.get(candidate.name)
        if overlap is None:
            return candidate
        known = {"calibrated_on": str(overlap.count), **candidate.provenance}
        if overlap.interval is not None:
            known["calibrated_on_interval"] = f"{overlap.interval[0]} to {overlap.interval[1]}"
        # In the order in which run.json holds them.
        return replace(candidate, provenance=dict(sorted(known.items())))
