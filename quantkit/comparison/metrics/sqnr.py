"""How much stronger the reference's outputs are than the error that quantization adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantkit.comparison.bootstrap import resampled
from quantkit.comparison.signals import energy, errors, no_signal, pairs, sample_count
from quantkit.core.arrays import Array, Doubles
from quantkit.core.comparison import MetricSummary
from quantkit.core.ports import Answers, Metric, Obstacle


@dataclass(frozen=True, slots=True)
class SqnrMetric:
    """Signal to quantization noise ratio in dB, over all floating-point outputs together.

    Rows, float64: ``signal`` and ``noise``, the energies of the reference's outputs and of the difference, and
    ``sqnr``, their ratio in dB for this sample. The figure for all samples is that of the summed energies.
    """

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No floating-point output."""
        return no_signal(answers)

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Energies of one batch."""
        signal, noise = np.zeros(sample_count(answers)), np.zeros(sample_count(answers))
        for index, expected, found in pairs(answers):
            difference = errors(expected, found)
            signal[index] += energy(expected)
            noise[index] += float(difference @ difference)
        return {"signal": signal, "noise": noise, "sqnr": decibels(signal, noise)}

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The ratio of the summed energies, with an interval from drawing the samples again."""
        energies = np.stack([rows["signal"], rows["noise"]], axis=1)
        interval = resampled(energies, lambda means: decibels(means[:, 0], means[:, 1]))
        return MetricSummary(
            metric="sqnr",
            samples=len(energies),
            candidate=interval.estimate,
            interval=interval,
            unit="dB",
            title="SQNR",
            facts={"worst": float(rows["sqnr"].min())},
        )


def decibels(signal: Doubles, noise: Doubles) -> Doubles:
    """10 · log₁₀(signal / noise) of energies; +inf without noise, −inf without signal or with infinite noise.

    >>> decibels(np.array([100.0, 4.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0]))
    array([ 20.,  inf, -inf,  inf])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(noise == 0, np.inf, signal / noise)
        return np.asarray(10 * np.log10(ratio), np.float64)


plugin: type[Metric] = SqnrMetric
