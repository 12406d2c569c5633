"""The ranges that a rule chose, why, and from what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from quantkit.core import arguments, file_kinds
from quantkit.core.errors import ArtifactError
from quantkit.core.files import readable, write_whole
from quantkit.core.json_values import MALFORMED, count, decoded, entries, real, text, texts, truth
from quantkit.core.notebook import html_table
from quantkit.core.ranges import Range
from quantkit.core.sample_hashes import SampleHashes, sample_hashes_from

SCHEMA = "quantkit.calibration/1"


@dataclass(frozen=True, slots=True)
class TensorCalibration:
    """One tensor's range and how it came about.

    Args:
        range: what is kept, per tensor.
        observed: exact smallest and largest value seen, widened to hold 0.
        rule: the plug-in's name, with options that are not its defaults.
        clipped: share of the non-zero values that lie beyond `range`.
        clipped_energy: Σ (x − nearest end)² over those values, as a share of Σ x².
        notes: what a person should know: ``"constant"``, ``"denormal"``, ``"dominated"``, ``"over-clipped"``.
    """

    range: Range
    observed: Range
    rule: str
    clipped: float = 0.0
    clipped_energy: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a calibration comes from, as digests and counts.

    Args:
        model: SHA-256 of the FP32 model's graph and weights.
        samples: how many samples were counted.
        samples_digest: SHA-256 over their sorted names and digests.
        preprocessing: canonical JSON of the preprocessing record.
        environment: versions, threads and instruction set of the collecting run.
        synthetic: made-up data was counted; a gate refuses such a calibration.
        sample_hashes: what the counted samples are known by; ``None`` where that was not written down.
    """

    model: str
    samples: int
    samples_digest: str
    preprocessing: str = "{}"
    environment: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    sample_hashes: SampleHashes | None = None

    def to_document(self) -> dict[str, Any]:
        """JSON values that `provenance_from` reads."""
        document = asdict(self)
        if self.sample_hashes is None:
            # As it was before there were hashes: models name their calibration by the digest of its text.
            del document["sample_hashes"]
        return document


@dataclass(frozen=True, slots=True)
class Calibration:
    """Tensor → range, by one rule and its per-tensor exceptions.

    `symmetric` says for which kind of scheme the ranges were chosen.
    """

    rule: str
    symmetric: bool
    tensors: Mapping[str, TensorCalibration]
    provenance: Provenance

    @property
    def ranges(self) -> dict[str, Range]:
        """Tensor → range."""
        return {name: tensor.range for name, tensor in self.tensors.items()}

    def noted(self, note: str) -> list[str]:
        """The tensors that carry `note`, sorted."""
        return sorted(name for name, tensor in self.tensors.items() if note in tensor.notes)

    def refuse_other_model(self, digest: str) -> None:
        """For callers that apply the ranges to the model with that digest.

        Raises:
            ArtifactError: they were chosen for another model.
        """
        if self.provenance.model != digest:
            raise ArtifactError(
                "QK3222",
                "the calibration belongs to another model",
                cause=f"it was made for {self.provenance.model}, this model is {digest}",
                hints=["calibrate this model, or give the one that was calibrated"],
            )

    def chosen_otherwise(self, *, symmetric: bool) -> str:
        """What has to be known where `symmetric`, or else affine, codes are made of them; empty if they are for such.

        The largest magnitude, which the rule max takes, is the same for both kinds.
        """
        if symmetric == self.symmetric or all(tensor.rule == "max" for tensor in self.tensors.values()):
            return ""
        said = ("with a zero point", "none", "tensorrt") if symmetric else ("without a zero point", "one", "ort-cpu")
        return (
            f"the ranges by {self.rule} were chosen for codes {said[0]}, and these codes have {said[1]}: "
            f"calibrate with --target {said[2]} for ranges of their own"
        )

    @arguments.checked
    def save(self, path: Path | str) -> str:
        """Writes canonical JSON, atomically; equal calibrations are equal bytes. Returns the SHA-256."""
        return write_whole(Path(path), self.to_json().encode())

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, shortest exact floats, a newline at the end."""
        document = {
            "schema": SCHEMA,
            "rule": self.rule,
            "symmetric": self.symmetric,
            "provenance": self.provenance.to_document(),
            "tensors": {name: _tensor_to_json(tensor) for name, tensor in self.tensors.items()},
        }
        return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    @arguments.checked
    def load(cls, path: Path | str) -> Calibration:
        """Reads what `save` wrote.

        Raises:
            ArtifactError: not a calibration, another schema, or a range that no calibration has.
        """
        with readable(Path(path)):
            content = Path(path).read_bytes()
        try:
            return cls.from_json(content)
        except ArtifactError as refusal:
            raise refusal.located(str(path)) from refusal.__cause__

    @classmethod
    @arguments.checked
    def from_json(cls, content: str | bytes) -> Calibration:
        """The calibration that `to_json` wrote."""
        try:
            document = decoded(content)
            if document["schema"] != SCHEMA:
                raise _unusable(content, f"its schema is {document['schema']!r}, this version reads {SCHEMA!r}")
            found = cls(
                rule=text(document["rule"]),
                symmetric=truth(document["symmetric"]),
                tensors={name: _tensor_from_json(entry) for name, entry in document["tensors"].items()},
                provenance=provenance_from(document["provenance"]),
            )
            # Half of a surrogate pair, which no tensor's name holds, could not be written again.
            found.to_json().encode()
            return found
        except MALFORMED as reason:
            raise _unusable(content, f"{type(reason).__name__}: {reason}") from reason

    def __repr__(self) -> str:
        kind = "symmetric" if self.symmetric else "affine"
        return f"Calibration({self.rule}, {kind}: {len(self.tensors)} tensors from {self.provenance.samples} samples)"

    def _repr_html_(self) -> str:
        rows = [
            [name, f"{own.range.low:.6g}", f"{own.range.high:.6g}", f"{own.clipped:.4%}", ", ".join(own.notes)]
            for name, own in self.tensors.items()
        ]
        return html_table(repr(self), ["tensor", "from", "to", "clipped", "notes"], rows)


def _tensor_to_json(tensor: TensorCalibration) -> dict[str, Any]:
    return {
        "range": [float(tensor.range.low), float(tensor.range.high)],
        "observed": [float(tensor.observed.low), float(tensor.observed.high)],
        "rule": tensor.rule,
        "clipped": tensor.clipped,
        "clipped_energy": tensor.clipped_energy,
        "notes": list(tensor.notes),
    }


def _tensor_from_json(entry: Mapping[str, Any]) -> TensorCalibration:
    return TensorCalibration(
        range=_range_from_json(entry["range"]),
        observed=_range_from_json(entry["observed"]),
        rule=text(entry["rule"]),
        clipped=_share(entry["clipped"]),
        clipped_energy=_share(entry["clipped_energy"]),
        notes=tuple(text(note) for note in entries(entry["notes"])),
    )


def provenance_from(document: Mapping[str, Any]) -> Provenance:
    """The provenance that `to_document` wrote down. Raises one of `MALFORMED` on damage."""
    found = Provenance(
        model=text(document["model"]),
        samples=count(document["samples"]),
        samples_digest=text(document["samples_digest"]),
        preprocessing=text(document["preprocessing"]),
        environment=texts(document["environment"]),
        synthetic=truth(document["synthetic"]),
    )
    if (written := document.get("sample_hashes")) is None:
        return found
    hashes = sample_hashes_from(written)
    if hashes.distinct > found.samples:
        raise ValueError(f"{found.samples} samples have no {hashes.distinct} contents")
    return replace(found, sample_hashes=hashes)


def _share(value: Any) -> float:
    if not 0 <= real(value) <= 1:
        raise _refused(f"a share of {value} is none")
    return real(value)


# Beyond float32 nothing was ever observed: such a bound was edited by hand or damaged.
_LARGEST = 3.4028235e38


def _range_from_json(ends: Any) -> Range:
    low, high = (real(end) for end in entries(ends))
    if not -_LARGEST <= low <= 0 <= high <= _LARGEST:
        raise _refused(f"a range of {low} to {high} is not one that calibration writes")
    return Range(low, high)


def _unusable(content: str | bytes, cause: str) -> ArtifactError:
    """What else it is, or else what is wrong with it."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return file_kinds.mistaken("QK3221", "calibration", raw) or _refused(cause)


def _refused(cause: str) -> ArtifactError:
    return ArtifactError("QK3221", "not a usable calibration", cause=cause, hints=["calibrate again"])
