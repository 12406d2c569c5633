"""One streamed pass: every batch's tensors are counted at once and dropped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from quantkit.core.arrays import Array
from quantkit.core.errors import DataError
from quantkit.core.histogram import Histogram
from quantkit.core.ports import CountingObserver, Observer, Parts, Samples
from quantkit.core.statistics import ChannelExtrema, SampleId
from quantkit.core.tally import Tally

Progress: TypeAlias = Callable[[int], None]
OnNonfinite: TypeAlias = Literal["fail", "report"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted so far; `Statistics` without its origin."""

    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    channels: Mapping[str, ChannelExtrema] = field(default_factory=dict)
    samples: tuple[SampleId, ...] = ()
    first_nonfinite: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Hands what was counted so far to `save` every `every_s` seconds of `clock`."""

    save: Callable[[Seen], None]
    every_s: float = 30.0
    clock: Callable[[], float] = time.monotonic


class Collector:
    """Counts batches with one worker for each observer.

    Args:
        observers: one for each thread; they show the model's inner tensors, or count them themselves.
        inputs: graph inputs that are counted as they are fed.
        channels: tensor → axis, for tensors whose extrema are kept per channel as well.
        on_nonfinite: ``"fail"`` raises at the first NaN or infinity; ``"report"`` leaves them out and counts them.
    """

    def __init__(
        self,
        observers: Sequence[Observer | CountingObserver],
        *,
        inputs: Sequence[str] = (),
        channels: Mapping[str, int] | None = None,
        on_nonfinite: OnNonfinite = "fail",
    ) -> None:
        findings = [_Findings(dict(channels or {}), on_nonfinite) for _ in observers]
        self._workers: list[_Worker] = [
            _Counting(observer, tuple(inputs), found)
            if isinstance(observer, CountingObserver)
            else _Tallying(observer, tuple(inputs), found)
            for observer, found in zip(observers, findings, strict=True)
        ]

    def collect(
        self,
        source: Iterable[Samples],
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Seen:
        """Counts every batch of `source`; `progress` is told the number of samples counted so far.

        When it is interrupted, what was counted until then goes to the checkpoint first.

        Raises:
            DataError: a tensor holds NaN or infinity and `on_nonfinite` is ``"fail"``; names tensor and sample.
        """
        saved_at = checkpoint.clock() if checkpoint else 0.0
        with ThreadPoolExecutor(len(self._workers), thread_name_prefix="quantkit-collect") as pool:
            flight = _Flight(pool, self._workers, progress)
            try:
                for samples in source:
                    flight.submit(samples)
                    if checkpoint and checkpoint.clock() - saved_at >= checkpoint.every_s:
                        flight.land()
                        checkpoint.save(self.seen())
                        saved_at = checkpoint.clock()
                flight.land()
            except KeyboardInterrupt:
                pool.shutdown()
                if checkpoint and all(worker.findings.whole for worker in self._workers):
                    checkpoint.save(self.seen())
                raise
        return self.seen()

    def seen(self) -> Seen:
        """What all workers counted; exact, whichever of them counted what."""
        return Seen(
            histograms=_merged([worker.histograms() for worker in self._workers], Histogram.merge),
            channels=_merged([worker.findings.channels for worker in self._workers], ChannelExtrema.merge),
            samples=tuple(sorted(sample for worker in self._workers for sample in worker.findings.samples)),
            first_nonfinite=_merged([worker.findings.first_nonfinite for worker in self._workers], min),
        )


class _Flight:
    """Batches that are being counted, one by each worker at most."""

    def __init__(self, pool: Executor, workers: Iterable[_Worker], progress: Progress | None) -> None:
        self._pool, self._idle, self._progress = pool, deque(workers), progress
        self._running: deque[tuple[Future[int], _Worker]] = deque()
        self._done = 0

    def submit(self, samples: Samples) -> None:
        """Hands a batch to an idle worker, or to the first that becomes idle."""
        if not self._idle:
            self._land_oldest()
        worker = self._idle.popleft()
        self._running.append((self._pool.submit(_fold, worker, samples), worker))

    def land(self) -> None:
        """Waits until every batch is counted."""
        while self._running:
            self._land_oldest()

    def _land_oldest(self) -> None:
        # In the order of submission, so that of several bad samples the first is named.
        future, worker = self._running.popleft()
        self._done += future.result()
        self._idle.append(worker)
        if self._progress:
            self._progress(self._done)


class _Tallying:
    """One thread's observer and the tallies that its tensors are counted in."""

    def __init__(self, observer: Observer, inputs: tuple[str, ...], findings: _Findings) -> None:
        self._observer, self._inputs, self.findings = observer, inputs, findings
        self._tallies: dict[str, Tally] = {}

    def fold(self, samples: Samples) -> None:
        """Counts one batch."""
        fed = {name: (samples.inputs[name],) for name in self._inputs}
        for name, parts in {**fed, **self._observer.observe(samples.inputs)}.items():
            tally = self._tallies.setdefault(name, Tally())
            before = tally.nonfinite
            for part in parts:
                tally.fold(part)
            if tally.nonfinite > before:
                self.findings.meet_nonfinite(name, parts, samples)
            if name in self.findings.axes:
                self.findings.widen(name, parts[0])

    def histograms(self) -> Mapping[str, Histogram]:
        """Tensor → what this worker counted of it."""
        return {name: tally.histogram() for name, tally in self._tallies.items()}


class _Counting:
    """One thread's observer, which counts by itself; a tensor's values are asked for only where counts do not do."""

    def __init__(self, observer: CountingObserver, inputs: tuple[str, ...], findings: _Findings) -> None:
        self._observer, self._inputs, self.findings = observer, inputs, findings

    def fold(self, samples: Samples) -> None:
        """Counts one batch."""
        for name in self._observer.count(samples.inputs, self._inputs):
            self.findings.meet_nonfinite(name, self._observer.shown(name), samples)
        for name in self.findings.axes:
            for values in self._observer.shown(name)[:1]:
                self.findings.widen(name, values)

    def histograms(self) -> Mapping[str, Histogram]:
        """Tensor → what the observer counted of it."""
        return self._observer.histograms()


_Worker: TypeAlias = _Tallying | _Counting


def _fold(worker: _Worker, samples: Samples) -> int:
    """Counts one batch and, once all its tensors are counted, whose it was; returns how many samples that is."""
    worker.findings.whole = False
    worker.fold(samples)
    worker.findings.samples.extend(samples.ids)
    worker.findings.whole = True
    return len(samples)


class _Findings:
    """What one worker keeps besides counts: whose they are, the first bad samples, and extrema per channel.

    While a batch is being counted, and after that has failed, what the worker holds is not `whole`.
    """

    def __init__(self, axes: Mapping[str, int], on_nonfinite: OnNonfinite) -> None:
        self.axes, self._on_nonfinite = axes, on_nonfinite
        self.channels: dict[str, ChannelExtrema] = {}
        self.first_nonfinite: dict[str, str] = {}
        self.samples: list[SampleId] = []
        self.whole = True

    def meet_nonfinite(self, name: str, parts: Parts, samples: Samples) -> None:
        """Names the first bad sample of a batch, in an error or in a note."""
        sample = samples.ids[min(_first_nonfinite(part, len(samples)) for part in parts)].name
        if self._on_nonfinite == "fail":
            nans, infinities = (sum(int(test(part).sum()) for part in parts) for test in (np.isnan, np.isinf))
            raise DataError(
                "QK2104",
                f"tensor {name!r}: {nans} NaN and {infinities} infinite of {sum(part.size for part in parts)} values",
                where=f"{sample}, tensor {name!r}",
                cause="the FP32 model itself computed them from this batch; thresholds would be meaningless",
                hints=[
                    "look at the sample and at its preprocessing",
                    "--on-nonfinite report leaves such values out and counts them",
                ],
            )
        self.first_nonfinite[name] = min(sample, self.first_nonfinite.get(name, sample))

    def widen(self, name: str, values: Array) -> None:
        """Takes the extrema of each channel in."""
        axis = self.axes[name]
        others = tuple(index for index in range(values.ndim) if index != axis)
        finite = np.isfinite(values)
        low = np.min(values, axis=others, where=finite, initial=np.inf).astype(np.float32)
        high = np.max(values, axis=others, where=finite, initial=-np.inf).astype(np.float32)
        fresh = ChannelExtrema(axis, low, high)
        self.channels[name] = self.channels[name].merge(fresh) if name in self.channels else fresh


def _first_nonfinite(values: Array, samples: int) -> int:
    """Index of the first bad sample; 0 where samples do not lie along axis 0, the last one where all are well."""
    if values.ndim == 0 or values.shape[0] != samples:
        return 0
    bad = ~np.isfinite(values.reshape(samples, -1)).all(axis=1)
    return int(np.argmax(bad)) if bad.any() else samples - 1


def _merged(parts: Sequence[Mapping[str, T]], merge: Callable[[T, T], T]) -> dict[str, T]:
    """Key → all parts' values merged."""
    keys = sorted(set().union(*parts))
    return {key: reduce(merge, [part[key] for part in parts if key in part]) for key in keys}
