"""What TensorRT would not say about a calibration cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantkit.cli.command import Result
from quantkit.cli.results.columns import aligned
from quantkit.core import trt_cache_file
from quantkit.core.errors import ArtifactError, ExitCode
from quantkit.core.json_values import MALFORMED, decoded
from quantkit.core.text import printable
from quantkit.core.trt_cache_text import Reading, read
from quantkit.data.preprocessing import PRESETS, Preprocessing, resolved
from quantkit.graph.model import Model, load
from quantkit.graph.scales import Absence, ScaleCoverage, coverage

# A histogram's last bin may end a little beyond the largest value.
_WIDEST = 1.1

# Conventions reach 1, 2.6, 151 and 255: nearer than this to one of them is no coincidence.
_ALIKE = 0.03

# Within one network scales differ by some thousands.
_ODD = 1e6

_SHOWN = 8

_UNNAMED = "(Unnamed Layer"

_ABSENCES: Mapping[Absence, str] = {
    "fused": "that TensorRT fuses into their readers",
    "joined": "that join tensors with scales",
    "constant": "computed from constants alone",
    "not float": "that hold no floats, such as shapes",
    "unused": "that nobody reads",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know: a problem, or a note that may be as it should be."""

    level: str
    title: str
    code: str = ""
    line: int | None = None
    tensors: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @classmethod
    def problem(cls, title: str, tensors: Sequence[str] = (), *hints: str) -> Finding:
        """What makes the engine slower or less accurate than it looks."""
        return cls("problem", title, tensors=tuple(tensors), hints=hints)

    @classmethod
    def note(cls, title: str, tensors: Sequence[str] = ()) -> Finding:
        """What may be as it should be."""
        return cls("note", title, tensors=tuple(tensors))

    def lines(self) -> list[str]:
        """It in words; nothing in it can steer the terminal."""
        place = f"line {self.line}: " if self.line else ""
        code = f"[{self.code}]" if self.code else ""
        more = [f"and {len(self.tensors) - _SHOWN} more"] if len(self.tensors) > _SHOWN else []
        named = [*self.tensors[:_SHOWN], *more]
        listed = f" ({len(self.tensors)}): {', '.join(named)}" if named else ""
        said = f"{self.level}{code}: {place}{self.title}{listed}"
        return [printable(said), *(f"  hint:  {printable(hint)}" for hint in self.hints)]


def linted(path: Path, model: Path | None, preprocess: str | None) -> Result:
    """Everything that can be found out about the cache at `path`, the worst first."""
    content = trt_cache_file.content_of(path)
    reading = read(content)
    graph = load(model) if model else None
    declared = resolved(preprocess) if preprocess else None
    covered = coverage(graph, reading.scales) if graph else None
    found = [
        *_flaws(reading),
        *(() if reading.flaws else _origin(path, graph, declared)),
        *(_coverage(covered) if covered else ()),
        *_inputs(reading.scales, _input_names(reading.scales, graph), declared),
        *_oddities(reading.scales),
    ]
    findings = sorted(found, key=lambda finding: finding.level != "problem")
    problems = sum(finding.level == "problem" for finding in findings)
    header = str(reading.header) if reading.header else "no header"
    lines = [
        printable(f"{path}: {header}, {len(reading.scales)} tensors"),
        *(_counted(covered) if covered else ["without --model nothing is known about missing tensors"]),
        *(line for finding in findings for line in finding.lines()),
        f"{problems or 'no'} problem{'' if problems == 1 else 's'}",
    ]
    document: dict[str, Any] = {
        "command": "cache",
        "action": "lint",
        "path": str(path),
        "header": str(reading.header) if reading.header else None,
        "tensors": len(reading.scales),
        "problems": problems,
        "findings": [asdict(finding) for finding in findings],
        "coverage": _coverage_document(covered) if covered else None,
    }
    return Result("\n".join(lines), document, exit_code=ExitCode.INPUT if problems else ExitCode.OK)


def _flaws(reading: Reading) -> Iterator[Finding]:
    for flaw in reading.flaws:
        yield Finding("problem", flaw.title, flaw.code, flaw.line, hints=flaw.hints)


def _origin(path: Path, model: Model | None, declared: Preprocessing | None) -> Iterator[Finding]:
    try:
        stored = trt_cache_file.load(path)
        if stored.origin is None:
            level = "problem" if trt_cache_file.sidecar(path).exists() else "note"
            yield Finding(level, f"where the scales come from is not known: {stored.doubt}")
            return
        stored.origin_for(model.digest if model else stored.origin.provenance.model)
    except ArtifactError as refusal:
        yield Finding("problem", f"{refusal.title}: {refusal.cause}", refusal.code)
        return
    said = stored.origin.provenance
    # Without samples the origin is what someone said about the model, and nobody said anything about preprocessing.
    if declared and said.samples and not _includes(said.preprocessing, declared):
        yield Finding.problem(f"the scales were measured with another preprocessing: {said.preprocessing}")


def _includes(record: str, declared: Preprocessing) -> bool:
    """Whether a canonical record, which may say more, says what is declared."""
    try:
        return bool(declared.record().items() <= decoded(record).items())
    except MALFORMED:
        return False


def _counted(covered: ScaleCoverage) -> list[str]:
    """How many tensors of the model have a scale, and what the others are."""
    counts = {why: len(covered.without(why)) for why in _ABSENCES}
    rows = [
        [f"{len(covered.scaled)}", "tensors of the model with a scale"],
        [f"{len(covered.without('missing'))}", "without one that want it, and stay in FP16 or FP32"],
        *([f"{count}", f"without one {_ABSENCES[why]}"] for why, count in counts.items() if count),
    ]
    return aligned(rows, right=[0])


def _coverage(covered: ScaleCoverage) -> Iterator[Finding]:
    # What TensorRT adds to a network has no name in the model: (Unnamed Layer* 8) [Constant]_output.
    strange = [name for name in covered.unknown if not name.startswith(_UNNAMED)]
    if len(strange) > len(covered.scaled):
        yield Finding.problem("the cache is of another network: names that the model lacks", strange)
        return
    if strange:
        yield Finding.note("names that the model lacks", strange)
    if covered.blocking:
        title = "matrix products leave INT8, since what they read has no scale"
        yield Finding.problem(title, covered.blocking, "calibrate again, with the model as it is now")
    if others := [name for name in covered.without("missing") if name not in covered.blocking]:
        yield Finding.note("layers may leave INT8, since what they make or read has no scale", others)


def _coverage_document(covered: ScaleCoverage) -> dict[str, Any]:
    return {
        "scaled": list(covered.scaled),
        "blocking": list(covered.blocking),
        "unknown": list(covered.unknown),
        **{why.replace(" ", "_"): covered.without(why) for why in (*_ABSENCES, "missing")},
    }


def _input_names(scales: Mapping[str, np.float32], model: Model | None) -> list[str]:
    """The model's inputs that have a scale; without a model the first tensor, since TensorRT writes inputs first."""
    if model is None:
        return list(scales)[:1]
    return [spec.name for spec in model.inputs if spec.name in scales]


def _inputs(
    scales: Mapping[str, np.float32], names: Sequence[str], declared: Preprocessing | None
) -> Iterator[Finding]:
    for name in names:
        amax = 127 * float(scales[name])
        said = f"input {name!r} reaches {amax:.4g}{_resemblance(amax)}"
        if declared is None:
            yield Finding.note(said)
            continue
        limit = reach(declared)
        if amax > _WIDEST * limit or (amax < (1 - _ALIKE) * limit and _resemblance(amax)):
            yield Finding.problem(f"{said}; images so prepared reach {limit:.4g}", (), *_unit_hint(amax / limit))
        elif amax < limit / 2:
            yield Finding.note(f"{said} and images so prepared {limit:.4g}: the rule clips much, or they were others")


def reach(preprocessing: Preprocessing) -> float:
    """The largest magnitude that a prepared pixel can have.

    >>> [round(reach(PRESETS[name]), 2) for name in ("none", "imagenet", "tensorflow", "caffe")]
    [255.0, 2.64, 1.0, 151.06]
    """
    mean, std = np.array(preprocessing.mean or 0.0), np.array(preprocessing.std or 1.0)
    ends = [(pixel * preprocessing.scale - mean) / std for pixel in (0.0, 255.0)]
    return float(np.abs(ends).max())


def _resemblance(amax: float) -> str:
    known = {name: reach(preset) for name, preset in PRESETS.items()}
    alike = [name for name, limit in known.items() if math.isclose(amax, limit, rel_tol=_ALIKE)]
    words = {"none": "pixels left at 0 to 255", "tensorflow": "values scaled to 1"}
    return f", like {words.get(alike[0], f'the preprocessing {alike[0]}')}" if alike else ""


def _unit_hint(share: float) -> list[str]:
    """TensorRT's lines hold amax / 127; scripts that write caches are known to forget the division."""
    if math.isclose(share, 127, rel_tol=0.1):
        return ["127 times too large: the lines seem to hold amax, and not amax / 127"]
    return ["calibrate again with the preprocessing that the model is used with"]


def _oddities(scales: Mapping[str, np.float32]) -> Iterator[Finding]:
    if zeros := [name for name, scale in scales.items() if scale == 0]:
        yield Finding.note("tensors that were always 0 while TensorRT calibrated", zeros)
    scales = {name: scale for name, scale in scales.items() if scale != 0}
    if len(scales) > 2 and len(set(scales.values())) == 1:
        yield Finding.problem("all scales are equal: nothing was measured")
        return
    middle = float(np.median(list(scales.values()))) if scales else 1.0
    odd = [name for name, scale in scales.items() if not 1 / _ODD <= float(scale) / middle <= _ODD]
    if odd:
        yield Finding.note("scales a million times larger or smaller than the others", odd)
