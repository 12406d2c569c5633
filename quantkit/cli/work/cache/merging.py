"""Two calibration caches in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quantkit.cli.command import Result
from quantkit.cli.process.outputs import file_for_writing
from quantkit.core import trt_cache_file
from quantkit.core.text import printable
from quantkit.core.trt_cache_file import Origin, StoredCache, sidecar


def merged(first: Path, second: Path, to: Path, *, force: bool = False) -> Result:
    """Writes the scales of both caches to `to`, and where they come from if that is the same place.

    Raises:
        ArtifactError: one is no cache; caches of different calibrators or versions; or one tensor with two scales.
    """
    caches = [trt_cache_file.load(path) for path in (first, second)]
    both = caches[0].cache.merged(caches[1].cache)
    origin, note = _common_origin(*caches)
    with file_for_writing(to, inputs=[first, second], force=force, beside=sidecar(to)):
        written = trt_cache_file.save(both, to, origin)
    files = [to, *([sidecar(to)] if origin else [])]
    shared = sum(len(stored.cache.scales) for stored in caches) - len(both.scales)
    notes = [f"{len(both.scales)} tensors, {shared} of them in both with the same scale", *([note] if note else [])]
    titles = [f"{stored.path}: {stored.cache.header}, {len(stored.cache.scales)} tensors" for stored in caches]
    document = {
        "command": "cache",
        "action": "merge",
        "files": [str(stored.path) for stored in caches],
        "output": str(to),
        "kind": written.kind,
        "sha256": written.digest,
        "tensors": len(both.scales),
        "shared": shared,
        "notes": notes,
    }
    lines = [*titles, *notes, *(f"written {path}" for path in files)]
    return Result("\n".join(map(printable, lines)), document, tuple(files))


def _common_origin(first: StoredCache, second: StoredCache) -> tuple[Origin | None, str]:
    """Where both come from, or why that is not written down."""
    dropped = "where the scales come from is not written down"
    mine, yours = first.origin, second.origin
    if mine is None or yours is None:
        strange = first if mine is None else second
        return None, f"{dropped}: of {strange.path} it is not known: {strange.doubt}"
    if differing := _differing(mine, yours):
        return None, f"{dropped}: the caches differ in their {', '.join(differing)}"
    # Threads and versions of the run that measured move no more than a last bit.
    shared = dict(mine.provenance.environment.items() & yours.provenance.environment.items())
    return replace(mine, provenance=replace(mine.provenance, environment=shared)), ""


def _differing(mine: Origin, yours: Origin) -> list[str]:
    """What is not the same, in words."""
    one, other = mine.provenance, yours.provenance
    found = {
        "model": one.model != other.model,
        "samples": (one.samples_digest, one.samples, one.synthetic)
        != (other.samples_digest, other.samples, other.synthetic),
        "preprocessing": one.preprocessing != other.preprocessing,
        "rule": mine.rule != yours.rule,
        "TensorRT": mine.tensorrt != yours.tensorrt,
    }
    return [word for word, differs in found.items() if differs]
