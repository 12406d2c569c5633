"""A calibration cache on disk: TensorRT's own file, and beside it what that file leaves out.

The sidecar says which model, data and preprocessing the scales come from. TensorRT never looks at it; quantkit takes no
cache for a model without it, since scales of another network build an engine all the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Provenance, provenance_from
from quantkit.core.errors import ArtifactError, SetupError
from quantkit.core.files import named, readable, replacing_named, writable, write_whole
from quantkit.core.json_values import MALFORMED, decoded, encoded, text
from quantkit.core.trt_cache import TensorrtCache
from quantkit.core.trt_cache_text import MOST_BYTES, parsed

KIND = "tensorrt-cache"
SCHEMA = "quantkit.tensorrt-cache/1"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a cache's scales come from.

    Args:
        rule: what chose them.
        provenance: digests of model and data, preprocessing, and the environment of the run that measured.
        tensorrt: the version that calibrated; ``None`` where quantkit chose the scales itself.
    """

    rule: str
    provenance: Provenance
    tensorrt: str | None = None


@dataclass(frozen=True, slots=True)
class StoredCache:
    """A cache that was read.

    Args:
        path: the file.
        cache: what it holds.
        digest: SHA-256 of the file.
        origin: what its sidecar says; ``None`` for a stranger's cache.
        doubt: why the origin is not known; empty where it is.
    """

    path: Path
    cache: TensorrtCache
    digest: str
    origin: Origin | None = None
    doubt: str = ""

    def origin_for(self, model: str, preprocessing: str | None = None) -> Origin:
        """The origin, once it is clear that the scales belong here.

        Args:
            model: digest of the model that is to use the scales.
            preprocessing: canonical JSON of the record that is to be used with it; ``None`` takes any.

        Raises:
            ArtifactError: a stranger's cache, or one of another model or preprocessing.
        """
        if self.origin is None:
            raise ArtifactError(
                "QK3267",
                "nothing tells which model and data this calibration cache belongs to",
                where=str(self.path),
                cause=self.doubt,
                hints=["calibrate again, and keep the .json file beside the cache", "--trust-cache takes it as it is"],
            )
        source = self.origin.provenance
        if source.model != model:
            raise self._mismatch("model", source.model, model)
        if preprocessing is not None and source.preprocessing != preprocessing:
            raise self._mismatch("preprocessing", source.preprocessing, preprocessing)
        return self.origin

    def _mismatch(self, what: str, made: str, wanted: str) -> ArtifactError:
        return ArtifactError(
            "QK3268",
            f"the calibration cache was made with another {what}",
            where=str(self.path),
            cause=f"it was made with {made}, and this is {wanted}",
            hints=["calibrate again", "--trust-cache takes it as it is"],
        )


def sidecar(path: Path) -> Path:
    """Where the origin of the cache at `path` stands.

    >>> sidecar(Path("net.cache")).name
    'net.cache.json'
    """
    return path.with_name(f"{path.name}.json")


def save(cache: TensorrtCache, path: Path, origin: Origin | None) -> Artifact:
    """Writes the cache and its sidecar, or neither; equal caches are equal bytes.

    Without an `origin` there is no sidecar, and the sidecar of an earlier cache at `path` is removed.

    Raises:
        SetupError: a file cannot be written.
    """
    content = cache.to_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with replacing_named(path, _named_by(sidecar(path))):
        write_whole(path, content)
        if origin is not None:
            known = {**asdict(origin), "provenance": origin.provenance.to_document()}
            document = {"schema": SCHEMA, "cache_sha256": digest, **known}
            write_whole(sidecar(path), f"{encoded(document, indent=1)}\n".encode("ascii"))
        else:
            with writable(sidecar(path)):
                sidecar(path).unlink(missing_ok=True)
    facts = {"tensors": len(cache.scales), "header": str(cache.header)}
    return Artifact(path, KIND, digest, facts)


def load(path: Path | str) -> StoredCache:
    """Reads a cache, by whomever it was written, and what is known about it.

    Raises:
        ArtifactError: no cache, a damaged one, or a damaged sidecar.
        SetupError: no permission to read it.
    """
    path = Path(path)
    claimed, origin = _origin(sidecar(path)) if sidecar(path).exists() else ("", None)
    content = content_of(named(path, claimed))
    cache, digest = parsed(content, str(path)), hashlib.sha256(content).hexdigest()
    if origin is None:
        return StoredCache(path, cache, digest, doubt=f"there is no {sidecar(path).name} beside it")
    if claimed != digest:
        return StoredCache(path, cache, digest, doubt=f"{sidecar(path).name} is of a cache with other content")
    return StoredCache(path, cache, digest, origin)


def content_of(path: Path) -> bytes:
    """The file's bytes, or the beginning of one that is too large for a cache."""
    with readable(path), path.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _named_by(path: Path) -> str | None:
    """The digest of the cache that the sidecar at `path` describes, if there is one."""
    try:
        return _origin(path)[0]
    except (ArtifactError, SetupError):
        return None


def _origin(path: Path) -> tuple[str, Origin]:
    with readable(path):
        content = path.read_bytes()
    try:
        document = decoded(content)
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is {document['schema']!r}, this version reads {SCHEMA!r}")
        version = document["tensorrt"]
        origin = Origin(
            text(document["rule"]),
            provenance_from(document["provenance"]),
            None if version is None else text(version),
        )
        return text(document["cache_sha256"]), origin
    except MALFORMED as reason:
        raise ArtifactError(
            "QK3267",
            "the file that tells where this calibration cache comes from is damaged",
            where=str(path),
            cause=f"{type(reason).__name__}: {reason}",
            hints=["calibrate again", f"without {path.name} the cache is a stranger's, for --trust-cache"],
        ) from reason
