"""From a model and its data to statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from quantkit.backends import _cpu
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.core import arguments, statistics_file
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.histogram import Histogram
from quantkit.core.plugins import did_you_mean
from quantkit.core.ports import Backend, BatchSource, Samples
from quantkit.core.statistics import Fingerprint, SampleId, Statistics
from quantkit.data.checked import checked
from quantkit.data.inputs import fixed_batch
from quantkit.data.iterables import wrapped
from quantkit.data.preprocessing import canonical
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.graph.taps import TapPlan, plan_taps, tapped
from quantkit.pipeline.backends import backend
from quantkit.pipeline.build_progress import BuildProgress
from quantkit.pipeline.models import AnyModel, opened
from quantkit.stats.collector import Checkpoint, Collector, OnNonfinite, Seen

TARGETS = ("ort-cpu", "tensorrt")

Progress: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Collecting:
    """How statistics are collected.

    Args:
        targets: the tensors that any of these targets quantizes are observed.
        exclude: what will be left out of quantization; may be decided later.
        everything: observe every floating activation, which a TensorRT calibration cache wants a scale for.
        backend: plug-in name of the engine that runs the FP32 model.
        threads: batches in flight, on a thread each; ``None`` takes every core.
        device: where the model runs, as ``"cuda:0"``; ``None`` leaves that to the backend.
        custom_ops: libraries of operators to load, which are code.
        building: how a backend that builds engines builds the FP32 one; larger batches than it takes are cut.
        build_progress: told what that build is doing.
        on_nonfinite: ``"fail"`` refuses NaN and infinity in a tensor; ``"report"`` leaves them out and counts them.
        allow_few: accept fewer than 8 samples.
        channels: tensor → axis, for tensors whose extrema are wanted per channel as well.
    """

    targets: tuple[str, ...] = TARGETS
    exclude: Exclusion = field(default_factory=Exclusion)
    everything: bool = False
    backend: str = "ort"
    threads: int | None = None
    device: str | None = None
    custom_ops: tuple[Path, ...] = ()
    building: BuildOptions | None = None
    build_progress: BuildProgress | None = None
    on_nonfinite: OnNonfinite = "fail"
    allow_few: bool = False
    channels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses values of another kind, and fewer threads than one."""
        arguments.hold_fields(self)
        arguments.hold_least(self, threads=1)


@arguments.checked
def collect(
    model: AnyModel,
    source: Any,
    *,
    how: Collecting | None = None,
    progress: Progress | None = None,
    checkpoint: Path | str | None = None,
) -> Statistics:
    """Runs the FP32 model over `source` once and counts the values of every tensor that may be quantized.

    The result is the same, to the last bit, for any batch size, order, number of threads and sharding that leave
    the activations themselves the same.

    Args:
        model: a path, or what `load_model` or `from_torch` returned.
        source: what `open_source` returned, or anything that can be iterated again and again and yields dicts of
            arrays, (inputs, label) pairs or arrays, such as a list or a PyTorch ``DataLoader``; of a generator, the
            function that makes it. It is gone through once.
        how: options; by default `Collecting()`.
        progress: told (samples done, samples in all or None).
        checkpoint: a file that statistics are saved to now and then; samples that it holds are not counted again.

    Raises:
        DataError: the data does not fit the model, or a tensor holds NaN or infinity.
        UsageError: an argument of another kind, or channels of a tensor that is not observed.
        ArtifactError: `checkpoint` comes from another model, preprocessing or set of tensors.
    """
    how = how or Collecting()
    ready, kept_at = opened(model), None if checkpoint is None else Path(checkpoint)
    data = checked(wrapped(source, inputs=ready.inputs), ready.inputs, allow_few=how.allow_few)
    plan = plan_taps(ready, _tensors(ready, how))
    _refuse_unobserved(how.channels, [*plan.tapped, *plan.inputs])
    # One thread a batch: how many batches are in flight then moves no float, and is no part of the environment.
    engine: Backend = backend(
        how.backend,
        threads=1,
        device=how.device,
        custom_ops=how.custom_ops,
        building=how.building,
        progress=how.build_progress,
    )
    origin = _Origin(ready, plan, _fingerprint(ready, data), engine.environment())
    before = origin.resumed(kept_at)
    threads = how.threads or _cpu.usable_cores()
    observers = engine.observers(tapped(ready, plan.tapped), threads, plain=how.channels)
    collector = Collector(observers, inputs=plan.inputs, channels=how.channels, on_nonfinite=how.on_nonfinite)
    told = _told(progress, data.size, before)
    if told is not None:
        # Only now the pass begins: an engine may have been built until here.
        told(0)
    seen = collector.collect(
        _cut(_without(data, before), _most(ready, engine)),
        progress=told,
        checkpoint=Checkpoint(lambda seen: origin.save(seen, before, kept_at)) if kept_at else None,
    )
    return origin.statistics(seen, before)


@dataclass(frozen=True, slots=True)
class _Origin:
    """What makes `Statistics` of counts: where they come from."""

    model: Model
    plan: TapPlan
    fingerprint: Fingerprint
    environment: Mapping[str, str]

    def statistics(self, seen: Seen, before: Statistics | None) -> Statistics:
        """Counts with their origin, merged with those of an earlier run."""
        fresh = Statistics(
            fingerprint=self.fingerprint,
            histograms=_with_derived(seen.histograms, self.plan),
            samples=seen.samples,
            channels=seen.channels,
            environment=self.environment,
            first_nonfinite=seen.first_nonfinite,
        )
        if before is None:
            return fresh
        return before.merge(fresh) if seen.samples else before

    def save(self, seen: Seen, before: Statistics | None, checkpoint: Path) -> None:
        """Writes everything counted so far, here and in earlier runs."""
        statistics_file.save(self.statistics(seen, before), checkpoint)

    def resumed(self, checkpoint: Path | None) -> Statistics | None:
        """What an interrupted run left, if it fits this one."""
        if checkpoint is None or not checkpoint.exists():
            return None
        before = statistics_file.load(checkpoint)
        differences = self.fingerprint.differences(before.fingerprint)
        if differences:
            raise ArtifactError(
                "QK3215",
                "the checkpoint comes from another run",
                where=str(checkpoint),
                cause="; ".join(differences),
                hints=["remove it to start anew"],
            )
        return before


def _tensors(model: Model, how: Collecting) -> list[str]:
    """What any target quantizes, or everything, in a stable order."""
    placements = [place(model, target, how.exclude) for target in how.targets]
    wanted = {tensor for placement in placements for tensor in placement.tensors}
    if how.everything:
        wiring = Wiring(model.proto.graph)
        wanted |= {spec.name for spec in model.inputs if spec.dtype == "float32"}
        wanted |= {name for node in wiring.nodes for name in node.output if name and wiring.may_be_float(name)}
    return sorted(wanted)


def _refuse_unobserved(channels: Iterable[str], observed: list[str]) -> None:
    """Refuses extrema of the channels of a tensor that is not looked at."""
    for name in channels:
        if name not in observed:
            hints = [*did_you_mean(name, observed), "Collecting(everything=True) observes every tensor"]
            raise UsageError("QK1020", f"no tensor that is observed is called {name!r}", hints=hints)


def _fingerprint(model: Model, data: BatchSource) -> Fingerprint:
    return Fingerprint(model=model.digest, preprocessing=canonical(data.preprocessing))


def _with_derived(histograms: Mapping[str, Histogram], plan: TapPlan) -> dict[str, Histogram]:
    """Adds the tensors that only rearrange others: the same values, so the same counts."""
    if not histograms:
        return {}
    derived = {}
    for name, sources in plan.derived.items():
        derived[name] = Histogram.empty()
        for source in sources:
            derived[name] = derived[name].merge(histograms[source])
    return {**histograms, **derived}


def _without(data: BatchSource, before: Statistics | None) -> Iterator[Samples]:
    """The samples of `data` that were not counted yet."""
    counted: set[SampleId] = set(before.samples) if before else set()
    for samples in data:
        fresh = [index for index, sample in enumerate(samples.ids) if sample not in counted]
        if len(fresh) == len(samples):
            yield samples
        elif fresh:
            yield _chosen(samples, fresh)


def _chosen(samples: Samples, which: slice | list[int]) -> Samples:
    """Some samples of a batch."""
    rows = range(len(samples))[which] if isinstance(which, slice) else which
    return Samples(
        inputs={name: values[which] for name, values in samples.inputs.items()},
        ids=tuple(samples.ids[row] for row in rows),
        labels=None if samples.labels is None else samples.labels[which],
    )


def _most(model: Model, engine: Backend) -> int | None:
    """Samples that the engine takes at once; ``None`` where that is free, or fixed by the model, as the data is."""
    options = getattr(engine, "options", None)
    return options.batch if isinstance(options, BuildOptions) and fixed_batch(model.inputs) is None else None


def _cut(batches: Iterator[Samples], most: int | None) -> Iterator[Samples]:
    """The same samples in batches of `most` at most."""
    for samples in batches:
        if most is None or len(samples) <= most:
            yield samples
            continue
        for start in range(0, len(samples), most):
            yield _chosen(samples, slice(start, start + most))


def _told(progress: Progress | None, size: int | None, before: Statistics | None) -> Callable[[int], None] | None:
    """Counts what an earlier run did as done."""
    if progress is None:
        return None
    done_before = len(before.samples) if before else 0
    return lambda done: progress(done_before + done, size)
