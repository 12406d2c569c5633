"""What a metric says of one variant of a network, batch by batch: known after every batch, for as many as it ran."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantkit.comparison.metrics.sqnr import SqnrMetric, decibels
from quantkit.core.arrays import Array
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric

_ENERGIES = SqnrMetric()


class Series:
    """Two energies for each batch, and the rows of further metrics, which are a few numbers for each sample.

    Args:
        metrics: besides the ratio of signal to noise.
    """

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self._energies: list[tuple[float, float]] = []
        self._rows: dict[str, list[Mapping[str, Array]]] = {name: [] for name in metrics}

    def __len__(self) -> int:
        return len(self._energies)

    def add(self, answers: Answers) -> None:
        """Takes in one batch."""
        energies = _ENERGIES.rows(answers)
        self._energies.append((float(energies["signal"].sum()), float(energies["noise"].sum())))
        for name, metric in self._metrics.items():
            self._rows[name].append(metric.rows(answers))

    def noise(self, batches: int | None = None) -> float:
        """Noise over signal, of the first so many batches or of all; 0 where nothing is lost."""
        signal, noise = self._sums(batches)
        return 0.0 if noise == 0 else float(np.divide(noise, signal)) if signal else np.inf

    def decibels(self, batches: int | None = None) -> float:
        """Signal over noise, dB."""
        signal, noise = self._sums(batches)
        return float(decibels(np.array([signal]), np.array([noise]))[0])

    def _sums(self, batches: int | None) -> tuple[float, float]:
        counted = self._energies[:batches]
        return sum(signal for signal, _ in counted), sum(noise for _, noise in counted)

    def summary(self, metric: str, batches: int | None = None) -> MetricSummary:
        """One of the further metrics."""
        parts = self._rows[metric][:batches]
        return self._metrics[metric].summary(
            {column: np.concatenate([p[column] for p in parts]) for column in parts[0]}
        )
