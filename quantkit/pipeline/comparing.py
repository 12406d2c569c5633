"""From an FP32 model and its INT8 candidates to a comparison on the same samples."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from quantkit.comparison.evaluation import compared
from quantkit.comparison.latency import Stopwatch
from quantkit.comparison.metrics import by_name
from quantkit.core import plugins
from quantkit.core.artifact import Artifact
from quantkit.core.comparison import Comparison, Latency, Subject
from quantkit.core.errors import ModelError
from quantkit.core.ports import Backend, BatchSource, CoverageReader, Engine, Metric, Samples
from quantkit.core.statistics import SampleId
from quantkit.data.checked import checked
from quantkit.data.inputs import fixed_batch, has_batch_axis
from quantkit.data.iterables import wrapped
from quantkit.data.preprocessing import canonical
from quantkit.graph.model import Model, already_quantized, load
from quantkit.pipeline.models import AnyModel

_log = logging.getLogger(__name__)

REFERENCE = "FP32"

Candidate: TypeAlias = Artifact | Path | str
Progress: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Comparing:
    """How models are compared.

    Args:
        metrics: plug-in names with their options, as ``"psnr:peak=255"``, or ``"package.module:function"``; or metrics
            themselves by name. ``None`` computes every one that applies to the outputs and labels and needs no options.
        backend: plug-in name of the engine that runs all models.
        threads: threads of one call; ``None`` takes every core.
        stopwatch: how latency is measured, with one sample a call; ``None`` leaves it out.
    """

    metrics: tuple[str, ...] | Mapping[str, Metric] | None = None
    backend: str = "ort"
    threads: int | None = None
    stopwatch: Stopwatch | None = field(default_factory=Stopwatch)


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
    """
    how = how or Comparing()
    # Before any model runs: a metric may read files of its own, and refuse them.
    metrics = by_name(how.metrics) if isinstance(how.metrics, tuple) else how.metrics
    named = candidates if isinstance(candidates, Mapping) else {_title(candidates): candidates}
    models = {REFERENCE: _read(reference), **{name: _read(_path(candidate)) for name, candidate in named.items()}}
    for name in named:
        _refuse_other_inputs(name, models[name], models[REFERENCE])
    inputs = models[REFERENCE].inputs
    # However few samples there are, the intervals say what they are worth.
    data = checked(wrapped(source, inputs=inputs), inputs, allow_few=True)
    with ExitStack() as stack:
        backend: _Backend = plugins.load("quantkit.backends", how.backend)(threads=how.threads)
        engines = {name: stack.enter_context(backend.build(model.serialized())) for name, model in models.items()}
        evaluation = compared(
            engines[REFERENCE],
            {name: engines[name] for name in named},
            data,
            metrics,
            progress=(lambda done: progress(done, data.size)) if progress else None,
        )
        latencies = _latencies(engines, data, models[REFERENCE], how.stopwatch)
    subjects = {name: _subject(name, model, latencies.get(name)) for name, model in models.items()}
    covered = {name: replace(subjects[name], coverage=backend.coverage(models[name].serialized())) for name in named}
    return Comparison(
        reference=subjects[REFERENCE],
        candidates=tuple(evaluation.outcome(subject) for subject in covered.values()),
        samples=tuple(sample.name for sample in evaluation.samples),
        labels=evaluation.labels,
        # In the order in which run.json holds them, so that a report made now equals one made from the file.
        environment=dict(sorted(backend.environment().items())),
        data=described(data, evaluation.samples),
        notes=(*_suspicions(models), *evaluation.notes),
    )


class _Backend(Backend, CoverageReader, Protocol):
    """A backend that also tells what it executes in integers."""


def _read(model: AnyModel) -> Model:
    """The model as it is: what only runs needs no preparation."""
    return model if isinstance(model, Model) else load(Path(model))


def _refuse_other_inputs(name: str, candidate: Model, reference: Model) -> None:
    wanted, taken = ({spec.name for spec in model.inputs} for model in (reference, candidate))
    if wanted != taken:
        raise ModelError(
            "QK3082",
            f"{name!r} takes other inputs than the reference",
            cause=f"it takes {', '.join(sorted(taken))}; the reference takes {', '.join(sorted(wanted))}",
            hints=["compare models of one network"],
        )


def _suspicions(models: Mapping[str, Model]) -> list[str]:
    """What looks like a mistake of whoever named the models."""
    reference = models[REFERENCE]
    notes = ["the reference is itself quantized: were the models swapped?"] if already_quantized(reference) else []
    for name, model in models.items():
        origin = next((entry.value for entry in model.proto.metadata_props if entry.key == "quantkit.model"), None)
        if origin not in (None, reference.digest) and name != REFERENCE:
            notes.append(f"{name}: it was made from another FP32 model than the reference")
    for note in notes:
        _log.warning(note)
    return notes


def _title(candidate: Candidate) -> str:
    return _path(candidate).stem


def _path(candidate: Candidate) -> Path:
    return candidate.path if isinstance(candidate, Artifact) else Path(candidate)


def _latencies(
    engines: Mapping[str, Engine], data: BatchSource, model: Model, stopwatch: Stopwatch | None
) -> Mapping[str, Latency]:
    """One sample a call, which is how a device meets them; models with a fixed batch get theirs."""
    if stopwatch is None:
        return {}
    samples = next(iter(data))
    if has_batch_axis(model.inputs) and fixed_batch(model.inputs) is None:
        samples = Samples({name: values[:1] for name, values in samples.inputs.items()}, samples.ids[:1])
    return stopwatch.measured(engines, samples)


def _subject(name: str, model: Model, latency: Latency | None) -> Subject:
    entries = sorted((entry.key, entry.value) for entry in model.proto.metadata_props)
    notes = {key: value for key, value in entries if key.startswith("quantkit.")}
    return Subject(
        name=name,
        path=str(model.path or model.proto.graph.name),
        digest=model.digest,
        size_bytes=model.size_bytes,
        latency=latency,
        provenance=notes,
    )


def described(data: BatchSource, samples: Sequence[SampleId]) -> dict[str, str]:
    """What a comparison says about its data: where from, how prepared, and a digest of the samples in any order."""
    # Sorted, as in a calibration's digest: the order of files is no property of a data set.
    listed = "\n".join(f"{sample.name}\t{sample.digest}" for sample in sorted(samples))
    return {
        "preprocessing": canonical(data.preprocessing),
        "samples_sha256": hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest(),
        "source": repr(data),
    }
