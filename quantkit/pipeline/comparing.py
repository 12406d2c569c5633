"""From an FP32 model and its INT8 candidates to a comparison on the same samples."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from quantkit.comparison.evaluation import compared
from quantkit.comparison.latency import Load, Stopwatch
from quantkit.comparison.leads import leads
from quantkit.comparison.metrics import by_name
from quantkit.comparison.noise import noise_of, notes_on_noise
from quantkit.core import arguments
from quantkit.core.artifact import Artifact
from quantkit.core.comparison import DOUBTFUL, Comparison, Latency, Subject
from quantkit.core.errors import ModelError, UsageError
from quantkit.core.ports import Backend, BatchSource, CoverageReader, Engine, Metric, Samples
from quantkit.core.statistics import SampleId, samples_digest
from quantkit.data.checked import checked
from quantkit.data.inputs import fixed_batch, has_batch_axis
from quantkit.data.iterables import wrapped
from quantkit.data.preprocessing import canonical
from quantkit.graph import provenance
from quantkit.graph.model import Model, already_quantized, load
from quantkit.pipeline.backends import backend
from quantkit.pipeline.models import AnyModel
from quantkit.pipeline.overlaps import Overlaps, calibrated_on, notes_on_unrecorded
from quantkit.pipeline.simulation import notes_on_simulation

_log = logging.getLogger(__name__)

REFERENCE = "FP32"

# Others build engines for minutes, and those that are there serve for latency too.
_LOADS_IN_MOMENTS = "ort"

Candidate: TypeAlias = Artifact | Model | Path | str
Progress: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Comparing:
    """How models are compared.

    Args:
        metrics: plug-in names with their options, as ``"psnr:peak=255"``, or ``"package.module:function"``; or metrics
            themselves by name. ``None`` computes every one that applies to the outputs and labels and needs no options.
        others: every metric that applies is computed besides those of `metrics`.
        backend: plug-in name of the engine that runs all models.
        threads: threads of one call; ``None`` takes every core.
        device: where the models run, as ``"cuda:0"``; ``None`` leaves that to the backend.
        custom_ops: libraries of operators to load, which are code.
        stopwatch: how latency is measured, with one sample a call; ``None`` leaves it out.
        self_check: run every model twice and say how far it differs from itself.
        overlap: look for samples that a candidate was calibrated on, as far as it says which they were.
    """

    metrics: tuple[str, ...] | Mapping[str, Metric] | None = None
    others: bool = False
    backend: str = "ort"
    threads: int | None = None
    device: str | None = None
    custom_ops: tuple[Path, ...] = ()
    stopwatch: Stopwatch | None = field(default_factory=Stopwatch)
    self_check: bool = False
    overlap: bool = True

    def __post_init__(self) -> None:
        """Refuses values of another kind, and fewer threads than one."""
        arguments.hold_fields(self)
        arguments.hold_least(self, threads=1)


@arguments.checked
def compare(
    reference: AnyModel,
    candidates: Candidate | Mapping[str, Candidate],
    source: Any,
    *,
    how: Comparing | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Runs every model on the same samples and says what each candidate lost, with paired 95 % intervals.

    Args:
        reference: the FP32 model.
        candidates: an INT8 model, or several by name.
        source: a `BatchSource`, or anything that can be iterated again and yields dicts of arrays or (inputs, label)
            pairs; labels are needed for accuracy only.
        how: options; by default `Comparing()`.
        progress: told (samples done, samples in all or None).

    Raises:
        TooLittleError: no samples, or no metric applies.
        UsageError: a metric asked for does not apply.
        ArtifactError: what a candidate says of the samples that it was calibrated on is damaged.
    """
    how = how or Comparing()
    # Before any model runs: a metric may read files of its own, and refuse them.
    metrics = how.metrics if isinstance(how.metrics, Mapping | None) else by_name(how.metrics)
    named = _named(candidates)
    given: Mapping[str, AnyModel | Candidate] = {REFERENCE: reference, **named}
    models = {name: _read(model, custom_ops=bool(how.custom_ops)) for name, model in given.items()}
    inputs = models[REFERENCE].inputs
    for name in named:
        refuse_other_inputs(name, {spec.name for spec in models[name].inputs}, {spec.name for spec in inputs})
    calibrated = {name: calibrated_on(models[name]) for name in named} if how.overlap else {}
    # However few samples there are, the intervals say what they are worth.
    data = checked(wrapped(source, inputs=inputs), inputs, allow_few=True)
    with ExitStack() as stack:
        runtime: _Backend = backend(how.backend, threads=how.threads, device=how.device, custom_ops=how.custom_ops)

        def build(name: str) -> Engine:
            return runtime.build(models[name].serialized())

        engines = {name: stack.enter_context(build(name)) for name in models}
        evaluation = compared(
            engines[REFERENCE],
            {name: engines[name] for name in named},
            data,
            metrics,
            others=how.others,
            progress=(lambda done: progress(done, data.size)) if progress else None,
        )
        noise = {}
        if how.self_check:
            noise = noise_of(engines, build, data, metrics)
        loads = _anew(engines, stack, build) if how.backend == _LOADS_IN_MOMENTS else _kept(engines)
        latencies = _latencies(loads, data, models[REFERENCE], how.stopwatch)
    subjects = {name: _subject(name, model, latencies.get(name)) for name, model in models.items()}
    # A reference has nothing in integers, unless the models were swapped or are quantized twice.
    for name in [name for name in subjects if name in named or already_quantized(models[name])]:
        subjects[name] = replace(subjects[name], coverage=runtime.coverage(models[name].serialized()))
    shared = Overlaps.of(calibrated, evaluation.samples)
    warn_of_doubts((*shared.notes, *evaluation.notes))
    found = Comparison(
        reference=subjects[REFERENCE],
        candidates=tuple(evaluation.outcome(shared.told(subjects[name])) for name in named),
        samples=tuple(sample.name for sample in evaluation.samples),
        labels=evaluation.labels,
        # In the order in which run.json holds them, so that a report made now equals one made from the file.
        environment=dict(sorted(runtime.environment().items())),
        data=described(data, evaluation.samples),
        notes=(
            *suspicions(models),
            *_prepared_otherwise(models, data.preprocessing),
            *shared.notes,
            *notes_on_unrecorded(subjects.values(), calibrated),
            *evaluation.notes,
            *notes_on_simulation(subjects[name] for name in named),
            *notes_on_noise(noise),
        ),
        noise=noise,
    )
    return replace(found, leads=leads(found))


class _Backend(Backend, CoverageReader, Protocol):
    """A backend that also tells what it executes in integers."""


def _read(model: AnyModel | Candidate, *, custom_ops: bool) -> Model:
    """The model as it is: what only runs needs no preparation."""
    return model if isinstance(model, Model) else load(_path(model), allow_custom_ops=custom_ops)


def refuse_other_inputs(name: str, taken: Collection[str], wanted: Collection[str]) -> None:
    """Raises ModelError where the candidate called `name` takes other inputs than the reference."""
    if set(wanted) != set(taken):
        raise ModelError(
            "QK3082",
            f"{name!r} takes other inputs than the reference",
            cause=f"it takes {', '.join(sorted(taken))}; the reference takes {', '.join(sorted(wanted))}",
            hints=["compare models of one network"],
        )


def warn_of_doubts(notes: Iterable[str]) -> None:
    """Logs those notes that have to be read before any figure."""
    for note in notes:
        if note.startswith(DOUBTFUL):
            _log.warning("%s", note.removeprefix(DOUBTFUL))


def suspicions(models: Mapping[str, Model]) -> list[str]:
    """What looks like a mistake of whoever named the models, the reference among them."""
    reference = models[REFERENCE]
    notes = ["the reference is itself quantized: were the models swapped?"] if already_quantized(reference) else []
    for name, model in models.items():
        origin = next((entry.value for entry in model.proto.metadata_props if entry.key == "quantkit.model"), None)
        if origin not in (None, reference.digest) and name != REFERENCE:
            notes.append(f"{name}: it was made from another FP32 model than the reference")
    for note in notes:
        _log.warning(note)
    return notes


def _prepared_otherwise(models: Mapping[str, Model], here: Mapping[str, Any]) -> list[str]:
    """Models whose ranges were chosen from images that were prepared in another way than these."""
    notes = []
    for name, model in models.items():
        there = _images(provenance.facts(model.proto).get("preprocessing", ""))
        if there and (now := _images(canonical(here))) and there != now:
            changed = ", ".join(sorted(key for key in there.keys() | now.keys() if there.get(key) != now.get(key)))
            notes.append(f"{name}: it was calibrated on images that were prepared in another way ({changed})")
    for note in notes:
        _log.warning(note)
    return notes


def _images(record: str) -> dict[str, Any]:
    """What was done to images; nothing where the record is of something else, or no record."""
    try:
        said = json.loads(record or "{}")
    except (ValueError, RecursionError):
        # A model from elsewhere may say anything.
        return {}
    if not isinstance(said, dict) or "color" not in said:
        return {}
    # The decoder's version moves a bit at the most.
    return {key: value for key, value in said.items() if key != "decoding"}


def _named(candidates: Candidate | Mapping[str, Candidate]) -> Mapping[str, Candidate]:
    if not isinstance(candidates, Mapping):
        return {_title(candidates): candidates}
    if not candidates:
        raise UsageError("QK1096", "compare(): candidates is empty", hints=["name at least one INT8 model"])
    return candidates


def _title(candidate: Candidate) -> str:
    if isinstance(candidate, Model):
        return candidate.path.stem if candidate.path else candidate.proto.graph.name
    return _path(candidate).stem


def _path(candidate: Artifact | Path | str) -> Path:
    return candidate.path if isinstance(candidate, Artifact) else Path(candidate)


def _anew(engines: dict[str, Engine], stack: ExitStack, build: Callable[[str], Engine]) -> Mapping[str, Load]:
    """Models that are loaded again, in place of the engines that `stack` holds: not to take their memory twice."""
    loads = {name: partial(build, name) for name in engines}
    stack.close()
    engines.clear()
    return loads


def _kept(engines: Mapping[str, Engine]) -> Mapping[str, Load]:
    """Engines that are not built anew for the sake of their latency."""

    def kept(engine: Engine) -> AbstractContextManager[Engine]:
        return nullcontext(engine)

    return {name: partial(kept, engine) for name, engine in engines.items()}


def _latencies(
    loads: Mapping[str, Load], data: BatchSource, model: Model, stopwatch: Stopwatch | None
) -> Mapping[str, Latency]:
    """One sample a call, which is how a device meets them; models with a fixed batch get theirs."""
    if stopwatch is None:
        return {}
    samples = next(iter(data))
    if has_batch_axis(model.inputs) and fixed_batch(model.inputs) is None:
        samples = Samples({name: values[:1] for name, values in samples.inputs.items()}, samples.ids[:1])
    return stopwatch.measured(loads, samples)


def _subject(name: str, model: Model, latency: Latency | None) -> Subject:
    return Subject(
        name=name,
        path=str(model.path or model.proto.graph.name),
        digest=model.digest,
        size_bytes=model.size_bytes,
        latency=latency,
        provenance=provenance.told(model.proto),
    )


def described(data: BatchSource, samples: Sequence[SampleId]) -> dict[str, str]:
    """What a comparison says about its data: where from, how prepared, and a digest of the samples in any order."""
    return {
        "preprocessing": canonical(data.preprocessing),
        "samples_sha256": samples_digest(samples),
        "source": str(data),
    }
