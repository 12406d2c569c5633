"""Plans on disk. A plan is code that TensorRT runs, so one is loaded only with a record of who built it for what."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from quantkit._version import __version__
from quantkit.core.artifact import Artifact
from quantkit.core.errors import ArtifactError, QuantkitError, SetupError
from quantkit.core.files import digest_of, named, readable, replacing_named, write_whole
from quantkit.core.json_values import MALFORMED, decoded, texts
from quantkit.core.sample_hashes import SampleHashes, sample_hashes_from

logger = logging.getLogger(__name__)

SCHEMA = "quantkit.plan/1"
KIND = "tensorrt-plan"

# The parts of a record that are no text.
_NESTED = ("machine", "options", "scales", "sample_hashes")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a plan is tied to: TensorRT's exact version and the GPU's compute capability; and the GPU's name."""

    tensorrt: str
    compute_capability: str
    gpu: str


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The sidecar of a plan.

    Args:
        sha256: of the plan.
        machine: where it was built.
        model: SHA-256 of the ONNX model as it was handed to TensorRT.
        options: how it was built.
        scales: where an engine without Q/DQ nodes has its scales from.
        quantkit: the version that built it.
        schema: version of the record's layout.
        sample_hashes: what the samples are known by that its scales come from; ``None`` where that is not known.
    """

    sha256: str
    machine: Machine
    model: str
    options: Mapping[str, Any]
    scales: Mapping[str, Any] = field(default_factory=dict)
    quantkit: str = __version__
    schema: str = SCHEMA
    sample_hashes: SampleHashes | None = None

    def to_document(self) -> dict[str, Any]:
        """JSON values, as the sidecar holds them."""
        document = asdict(self)
        if self.sample_hashes is None:
            # A version that knows of no hashes reads the record of an engine that has none.
            del document["sample_hashes"]
        return document


def sidecar(path: Path) -> Path:
    """Where the record of the plan at `path` lies.

    >>> sidecar(Path("out/model.plan")).name
    'model.plan.json'
    """
    return path.with_name(path.name + ".json")


def save(plan: bytes, path: Path, record: PlanRecord) -> Artifact:
    """Writes a plan and its record, or neither."""
    text = json.dumps(record.to_document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with replacing_named(path, _recorded(path)):
        digest = write_whole(path, plan)
        write_whole(sidecar(path), text.encode())
    return Artifact(path, KIND, digest, {"record": str(sidecar(path))})


def load(path: Path, here: Machine, *, trust: bool = False) -> bytes:
    """The plan at `path`, once its record says that it is what was built, for this machine.

    Args:
        path: the plan.
        here: the machine that is to run it.
        trust: do without the record; the plan is code, so this is for plans whose origin you know.

    Raises:
        ArtifactError: no record, another plan than the recorded one, or a record that cannot be read.
        SetupError: built for another version of TensorRT or another kind of GPU.
    """
    with readable(path):
        plan = path.read_bytes()
    if not trust:
        record = _record_of(path)
        if (kept := named(path, record.sha256)) != path:
            plan = kept.read_bytes()
        _refuse_stranger(path, hashlib.sha256(plan).hexdigest(), record)
        _refuse_other_machine(path, record.machine, here)
    return plan


def verified(path: Path) -> PlanRecord:
    """The record of the plan at `path`, once the plan is what it describes; that takes neither TensorRT nor a GPU.

    Raises:
        ArtifactError: no plan, no record, another plan than the recorded one, or a record that cannot be read.
    """
    found = digest_of(path)
    record = _record_of(path)
    if (kept := named(path, record.sha256)) != path:
        found = digest_of(kept)
    _refuse_stranger(path, found, record)
    return record


def record(path: Path) -> PlanRecord:
    """What is known of the plan at `path`, which is not loaded for it.

    Raises:
        ArtifactError: it has no record, or one that cannot be read.
    """
    return _record_of(path)


def _recorded(path: Path) -> str | None:
    """The digest of the plan that the record beside `path` describes, if there is one."""
    try:
        return _record_of(path).sha256
    except QuantkitError:
        return None


def _record_of(path: Path) -> PlanRecord:
    place = sidecar(path)
    if not place.exists():
        raise ArtifactError(
            "QK3271",
            f"{path} has no record {place.name} beside it",
            where=str(path),
            cause="a plan is code; without the record nobody can tell who built it",
            hints=["build it again", "--trust-engine, for a plan whose origin you know"],
        )
    return record_in(place)


def record_in(place: Path) -> PlanRecord:
    """The record in the file `place`, whatever that is called.

    Raises:
        ArtifactError: it cannot be read.
    """
    with readable(place):
        content = place.read_bytes()
    try:
        return _record_from(decoded(content))
    except MALFORMED as reason:
        raise ArtifactError(
            "QK3273",
            f"{place.name} is not the record of a plan",
            where=str(place),
            cause=f"{type(reason).__name__}: {reason}",
            hints=["build the engine again"],
        ) from reason


def _record_from(document: Any) -> PlanRecord:
    """What `PlanRecord.to_document` made, read back. Raises one of `MALFORMED` on damage."""
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema']!r}, this version reads {SCHEMA!r}")
    words = texts({name: value for name, value in document.items() if name not in _NESTED})
    hashes = document.get("sample_hashes")
    return PlanRecord(
        **words,
        machine=Machine(**texts(document["machine"])),
        options={**document["options"]},
        scales={**document["scales"]},
        sample_hashes=None if hashes is None else sample_hashes_from(hashes),
    )


def _refuse_stranger(path: Path, found: str, record: PlanRecord) -> None:
    if found != record.sha256:
        raise ArtifactError(
            "QK3272",
            f"{path} is not the plan that its record describes",
            where=str(path),
            cause=f"its SHA-256 is {found}, the record says {record.sha256}",
            hints=["it was changed or damaged after it was built: build it again"],
        )


def _refuse_other_machine(path: Path, built: Machine, here: Machine) -> None:
    differences = [
        f"{title} {there} there, {mine} here"
        for title, there, mine in (
            ("TensorRT", built.tensorrt, here.tensorrt),
            ("compute capability", built.compute_capability, here.compute_capability),
        )
        if there != mine
    ]
    if differences:
        raise SetupError(
            "QK4027",
            f"{path} was built for another machine",
            where=str(path),
            cause="; ".join(differences),
            hints=["build it again on this one; a plan cannot be carried over"],
        )
    if built.gpu != here.gpu:
        logger.warning("%s was built on %s: kernels chosen there may be slow on %s", path, built.gpu, here.gpu)
