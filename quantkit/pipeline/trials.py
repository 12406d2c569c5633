"""Runs every subset of a network's codes on batch after batch, the layers that cost most first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quantkit.comparison.answers import by_sample, matching, refuse_undefined
from quantkit.comparison.evaluation import inapplicable
from quantkit.comparison.metrics.sqnr import SqnrMetric
from quantkit.comparison.series import Series
from quantkit.core.arrays import Batch
from quantkit.core.errors import TooLittleError
from quantkit.core.ports import Answers, BatchSource, Engine, Metric, Samples
from quantkit.core.sensitivity import SQNR, Effect, Effects, Measure
from quantkit.core.sensitivity_extent import Extent
from quantkit.graph.choosable import Choosable
from quantkit.pipeline.comparing import Progress
from quantkit.pipeline.experiments import EVERYTHING, NOTHING, Experiments
from quantkit.pipeline.following import Following, Pace


@dataclass(frozen=True, slots=True)
class Limit:
    """After how many seconds of a clock everything has to be done, what follows too; ``None`` never."""

    clock: Callable[[], float]
    seconds: float | None
    started: float

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return math.inf if self.seconds is None else self.seconds - self.spent


@dataclass(frozen=True, slots=True)
class Switchboard:
    """An engine whose every run quantizes a subset: `chosen` has the choices of each, by position."""

    engine: Engine
    model: Choosable
    chosen: Sequence[tuple[int, ...]]

    def run(self, subset: int, samples: Samples) -> Batch:
        """The outputs with that subset quantized; valid until the next run."""
        return self.engine.run(self.model.with_choices(samples.inputs, self.chosen[subset]))


class Trials:
    """What is known so far of every subset.

    The first batch goes through all subsets, those that answer most first; each further one through the layers, the
    worst first as far as known. So whenever the time is over, the important ones are known, and the worst best.
    """

    def __init__(
        self, plan: Experiments, metrics: Mapping[str, Metric], limit: Limit, following: Following | None = None
    ) -> None:
        self.plan = plan
        self._metrics = metrics
        self._limit = limit
        self._following = following
        self._series = [Series(metrics) for _ in plan.subsets]
        self._sizes: list[int] = []
        self._is_cut_short = False
        self._runs, self._spent, self._reading = 0, 0.0, 0.0
        self._began = 0.0
        self._size: int | None = None

    def run(self, board: Switchboard, source: BatchSource, progress: Progress | None) -> None:
        """Takes in the samples of `source`, or as many as there is time for.

        Raises:
            TooLittleError: no samples, no output that can be measured, or no time for a single layer.
            UsageError: a metric does not apply.
            DataError: a metric meets a label that is no class.
        """
        variants = len(self.plan.subsets) - 1
        self._size = source.size
        self._began = self._limit.spent
        for samples in self._read(source):
            if self._sizes and self._is_over:
                self._is_cut_short = True
                break
            expected = self._opened(board.run(NOTHING, samples), samples)
            # Leaving a layer out may leave nothing.
            self._series[NOTHING].add(Answers(expected, expected, samples.labels, samples.ids))
            for subset in self._due():
                found = matching(expected, board.run(subset, samples), len(samples), "the quantized model")
                self._series[subset].add(Answers(expected, found, samples.labels, samples.ids))
                self._runs += len(samples)
                if progress:
                    progress(self._runs, None if source.size is None else source.size * variants)
        self._spent = self._limit.spent - self._began
        self._refuse_nothing()

    def _read(self, source: BatchSource) -> Iterator[Samples]:
        batches = iter(source)
        while True:
            before = self._limit.clock()
            samples = next(batches, None)
            self._reading += self._limit.clock() - before
            if samples is None:
                return
            yield samples

    @property
    def pace(self) -> Pace:
        """What a sample took so far; nothing before the first answer."""
        running = (self._spent or self._limit.spent - self._began) - self._reading
        return Pace(self._reading / max(1, sum(self._sizes)), running / max(1, self._runs))

    @property
    def _is_over(self) -> bool:
        """Whether what follows needs all the time that is left."""
        if self._limit.seconds is None:
            return False
        kept = self._following.kept_s(self._size, self.pace) if self._following else 0.0
        return self._limit.left <= kept

    def _opened(self, answered: Batch, samples: Samples) -> Batch:
        """The exact outputs, checked, and kept while others take their place."""
        copied = {name: np.array(values) for name, values in answered.items()}
        refuse_undefined(copied, samples)
        expected = by_sample(copied, len(samples))
        answers = Answers(expected, expected, samples.labels, samples.ids)
        if obstacle := SqnrMetric().obstacle(answers):
            hints = ["give a model whose scores are outputs, before an ArgMax or the like"]
            raise TooLittleError("QK5002", "no layer's effect can be measured", cause=obstacle.reason, hints=hints)
        for name, metric in self._metrics.items():
            if (obstacle := metric.obstacle(answers)) and obstacle.certain:
                raise inapplicable(name, obstacle)
        self._sizes.append(len(samples))
        return expected

    def _due(self) -> Iterator[int]:
        """The subsets to run on this batch, as long as there is time."""
        return self._first_look() if len(self._sizes) == 1 else self._closer_look()

    def _first_look(self) -> Iterator[int]:
        for subset in self.plan.by_importance:
            if self._known(EVERYTHING) and self._is_over:
                self._is_cut_short = True
                return
            if subset != NOTHING:
                yield subset

    def _closer_look(self) -> Iterator[int]:
        # A layer's figures are of the samples that all its subsets ran on, wherever the time is over.
        for subset in dict.fromkeys(itertools.chain.from_iterable(self._worst_first())):
            if subset == NOTHING:
                continue
            if self._is_over:
                self._is_cut_short = True
                return
            yield subset

    def _worst_first(self) -> Iterator[Sequence[int]]:
        layers = [tuple(self.plan.of_layer(number).values()) for number in range(len(self.plan.layers))]
        alone = [self.plan.of_layer(number).get(("only", "both"), EVERYTHING) for number in range(len(layers))]
        yield (EVERYTHING,)
        yield from (layers[number] for number in sorted(range(len(layers)), key=lambda n: -self._noise(alone[n])))
        yield from ((subset,) for subset in sorted(self.plan.tensors.values(), key=lambda s: -self._noise(s)))

    def _noise(self, subset: int) -> float:
        return self._series[subset].noise() if self._known(subset) else 0.0

    def _known(self, subset: int) -> int:
        """On how many batches it ran."""
        return len(self._series[subset])

    def _refuse_nothing(self) -> None:
        if not self._sizes:
            raise TooLittleError("QK5001", "0 samples to measure on", hints=["look at --data"])
        if not any(self._known(subset) for subset in {*self.plan.cells.values()} - {NOTHING, EVERYTHING}):
            raise TooLittleError(
                "QK5005",
                "the time was over before any layer was measured",
                cause=f"of the time limit {max(self._limit.seconds or 0.0, 0.0):.3g} s were left for measuring and for "
                "the comparison that follows",
                hints=[
                    "--dry-run says how long measuring takes; give that to --time-limit",
                    "--calib takes ranges that are there already, instead of choosing them first",
                    "--batch-size 1 makes the first look shorter",
                ],
            )

    @property
    def alone(self) -> dict[str, float]:
        """Tensor → noise over signal at the outputs when it alone is quantized."""
        return {tensor: self._noise(subset) for tensor, subset in self.plan.tensors.items()}

    @property
    def samples(self) -> int:
        """How many all layers together were run on."""
        return sum(self._sizes[: self._known(EVERYTHING)])

    def samples_of(self, layer: int) -> int:
        """How many a layer was measured on."""
        return sum(self._sizes[: self._batches(layer)])

    def _batches(self, layer: int) -> int:
        known = [self._known(subset) for subset in self.plan.of_layer(layer).values()]
        return min((count for count in known if count), default=0)

    def measures(self) -> tuple[Measure, ...]:
        """What was measured, with its value for everything quantized."""
        everything = self._series[EVERYTHING]
        found = [Measure(SQNR, "SQNR", "dB", higher_is_better=True, reference=None, everything=everything.decibels())]
        for name in self._metrics:
            told = everything.summary(name)
            better = told.higher_is_better
            found.append(Measure(name, told.title or name, told.unit, better, told.reference, told.candidate))
        return tuple(found)

    def effects(self, layer: int) -> dict[str, Effects]:
        """Measure → what it says of a layer; nothing where there was no time for it."""
        batches = self._batches(layer)
        if not batches:
            return {}
        return {name: self._effects(layer, name, batches) for name in (SQNR, *self._metrics)}

    def _effects(self, layer: int, measure: str, batches: int) -> Effects:
        known = {
            question: self._value(subset, measure, batches)
            for question, subset in self.plan.of_layer(layer).items()
            if self._known(subset) >= batches
        }

        def effect(mode: str) -> Effect:
            return Effect(*(known.get((mode, part)) for part in ("weights", "activations", "both")))

        return Effects(effect("only"), effect("all_but"), self._value(EVERYTHING, measure, batches))

    def _value(self, subset: int, measure: str, batches: int) -> float:
        series = self._series[subset]
        return series.decibels(batches) if measure == SQNR else series.summary(measure, batches).candidate

    @property
    def extent(self) -> Extent:
        """How much of it there was time for."""
        size = self._size if self._is_cut_short else sum(self._sizes)
        return Extent(
            samples=size,
            runs=self._runs,
            of_runs=None if size is None else size * (len(self.plan.subsets) - 1),
            seconds=self._spent,
            limit_s=self._limit.seconds if self._is_cut_short else None,
            partly=tuple(layer.node for number, layer in enumerate(self.plan.layers) if self._is_partly_known(number)),
        )

    def _is_partly_known(self, layer: int) -> bool:
        known = [self._known(subset) > 0 for subset in self.plan.of_layer(layer).values()]
        return any(known) and not all(known)
