"""Scales from one form to another, with what is known about where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quantkit.cli.command import Result
from quantkit.cli.options.outputs import refuse_other_name
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.work.cache.files import WORDS, Scales, ends_of, form_of, opened
from quantkit.cli.work.cache.options import ConversionOptions
from quantkit.core import trt_cache_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.errors import UsageError
from quantkit.core.text import printable
from quantkit.core.trt_cache import Header, LegacyHeader, TensorrtCache, stated
from quantkit.core.trt_cache_file import Origin, sidecar
from quantkit.export.ranges_json import RangesJsonExporter
from quantkit.export.trt_cache import TrtCacheExporter
from quantkit.graph.model import Model
from quantkit.pipeline.models import load_model
from quantkit.pipeline.quantizing import quantize


def converted(source: Path, to: Path, model: Path | None, options: ConversionOptions, *, force: bool = False) -> Result:
    """Reads `source` and writes `to`.

    Raises:
        UsageError: forms between which there is nothing to convert, or an option that is missing or without effect.
        ArtifactError: what is read cannot be used, or nothing shows that it belongs to the model.
    """
    form = options.to or form_of(to)
    refuse_other_name("OTHER", to, f"a {WORDS[form]}", *ends_of(form))
    found = opened(source)
    _refuse_pointless(found, form, model, options)
    conversion = _Conversion(found, to, load_model(model) if model else None, options)
    inputs = [source, *([model] if model else [])]
    with file_for_writing(to, inputs=inputs, force=force, beside=sidecar(to)):
        written = conversion.written(form)
    return _told(found, written, has_model=model is not None)


def _refuse_pointless(found: Scales, form: str, model: Path | None, options: ConversionOptions) -> None:
    if found.form == form and form != "cache":
        title = f"{found.path.name} is in that form already: {form}"
        raise UsageError("QK1093", title, hints=["--to says another form", "cp copies a file"])
    without_effect = {
        f"--trt-version says nothing to the form {form}": options.trt_version and form != "cache",
        "--trust-cache says nothing without --model": options.trust_cache and model is None,
        f"--trust-cache says nothing to {found.path.name}, which is no cache": options.trust_cache and not found.stored,
    }
    for title, applies in without_effect.items():
        if applies:
            raise UsageError("QK1087", title, hints=["leave it out"])


@dataclass(frozen=True, slots=True)
class _Conversion:
    found: Scales
    to: Path
    model: Model | None
    options: ConversionOptions

    def written(self, form: str) -> Artifact:
        """Writes the form."""
        ways: dict[str, Callable[[], Artifact]] = {
            "cache": self._cache,
            "ranges": self._ranges,
            "calibration": self._calibration_file,
            "onnx": self._onnx,
        }
        return ways[form]()

    def _cache(self) -> Artifact:
        if self.found.stored is None and self.model is not None:
            exporter = TrtCacheExporter(self.options.trt_version) if self.options.trt_version else TrtCacheExporter()
            return exporter.write(self.model, self._calibration(), self.to)
        return trt_cache_file.save(TensorrtCache(self._header(), self.found.scales), self.to, self._origin())

    def _header(self) -> Header | LegacyHeader:
        own = self.found.header
        if self.options.trt_version is None:
            return own or Header()
        # A legacy cache has no version; its scales are good for the calibrator that every device takes.
        return Header.of(self.options.trt_version, *([own.algorithm] if isinstance(own, Header) else []))

    def _ranges(self) -> Artifact:
        # These may be of any model: the form has a place for its digest, and needs none.
        origin = self._origin() or Origin(self._rule, Provenance("", 0, ""))
        return RangesJsonExporter().write(None, self._of(origin), self.to)

    def _calibration_file(self) -> Artifact:
        calibration = self._calibration()
        return Artifact(self.to, "calibration", calibration.save(self.to), {"tensors": len(calibration.tensors)})

    def _onnx(self) -> Artifact:
        if self.model is None:
            raise _model_missing("it is what the scales are put into")
        return quantize(self.model, self._calibration(), to=self.to, target="tensorrt")

    def _calibration(self) -> Calibration:
        origin = self._origin()
        if origin is None:
            raise _model_missing(f"{self.found.path.name} does not say which model its scales belong to")
        return self._of(origin)

    def _of(self, origin: Origin) -> Calibration:
        if self.found.calibration is not None:
            return self.found.calibration
        if self.found.stored is not None:
            return self.found.stored.cache.calibration(origin.provenance, origin.rule)
        return stated(self.found.ranges, origin.rule, origin.provenance)

    def _origin(self) -> Origin | None:
        """Where the scales come from: what the source says, or the model that they are taken to belong to."""
        known, stored = self.found.origin, self.found.stored
        if self.model is None:
            return known
        if stored is not None and not self.options.trust_cache:
            return stored.origin_for(self.model.digest)
        if known is not None and (stored is None or known.provenance.model == self.model.digest):
            return known
        return Origin(self._rule, Provenance(model=self.model.digest, samples=0, samples_digest=""))

    @property
    def _rule(self) -> str:
        return self.found.stored.cache.rule if self.found.stored else f"{self.found.form} {self.found.path.name}"


def _model_missing(cause: str) -> UsageError:
    return UsageError("QK1077", "--model is missing", cause=cause, hints=["--model MODEL.onnx"])


def _told(found: Scales, written: Artifact, *, has_model: bool) -> Result:
    files, notes = [written.path], []
    if written.kind == trt_cache_file.KIND:
        beside = sidecar(written.path)
        if beside.exists():
            files.append(beside)
        else:
            notes.append(f"no {beside.name} is written: where the scales come from is not known")
        if not found.stored and not has_model:
            notes.append("with --model, tensors whose scales follow from these get them too")
        if found.calibration and (doubt := found.calibration.chosen_otherwise(symmetric=True)):
            notes.append(doubt)
    if following := written.facts.get("following"):
        notes.append(f"{following} more tensors have a scale that follows from these")
    lines = [found.title, *notes, *(f"written {path}" for path in files)]
    document = {
        "command": "cache",
        "action": "convert",
        "from": str(found.path),
        "output": str(written.path),
        "kind": written.kind,
        "sha256": written.digest,
        "facts": dict(written.facts),
        "notes": notes,
    }
    return Result("\n".join(map(printable, lines)), document, tuple(files))
