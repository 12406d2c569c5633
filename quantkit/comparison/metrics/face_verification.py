"""How well embeddings tell whether two images show the same person."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from quantkit.comparison.outputs import chosen, lacking
from quantkit.comparison.proportions import mcnemar, paired_difference
from quantkit.comparison.truth import Named, refused
from quantkit.comparison.verification import FOLDS, Verification, folds
from quantkit.comparison.weighted import RESAMPLES, paired
from quantkit.core.arrays import Array, Batch, Counts, Doubles
from quantkit.core.comparison import Interval, MetricSummary
from quantkit.core.errors import TooLittleError
from quantkit.core.files import readable
from quantkit.core.ports import Answers, Metric, Obstacle

FALSE_ACCEPTS = (1e-2, 1e-3)
"""False accept rates at which the true accept rate is told, where there are different pairs enough to count it."""

_SAME = {"1": True, "true": True, "same": True, "0": False, "false": False, "different": False}


@dataclass(frozen=True, slots=True)
class FaceVerificationMetric:
    """Accuracy over pairs at the best threshold, in 10 folds, with TAR at FAR = 1 % and 0.1 % as further figures.

    Embeddings are compared by their cosine. The threshold for each fold is the best one of the other nine. What is
    counted, and drawn for the intervals, is pairs, and the thresholds are chosen anew for each resample.

    The interval of the difference is the wider, at each end, of that bootstrap and of `paired_difference` of the
    decisions. The bootstrap alone knows nothing of flips that were not seen: with thresholds that move no decision it
    is 0 wide, and of 400 pairs of which one in 2,000 flips it covered the true difference 40 % of the time. The other
    alone takes the thresholds for known: 83 % where one in 43 flips. Together they covered it always, so that they
    are wider than they would have to be.

    Rows: ``face``, int64, the sample's number in the table of pairs, −1 in none; for the summary alone the
    embeddings, float[n, d].

    Args:
        pairs: CSV file with the columns a, b and same: two sample names and 1 or 0.
        output: the output that holds the embedding; by default the first of shape [n, d].
    """

    pairs: Path
    output: str | None = None
    _known: _Pairs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", _read(self.pairs))

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No embedding among the outputs, or nobody says who the samples are."""
        if not answers.ids:
            return Obstacle("the samples have no names, and pairs go by names")
        return lacking(answers, self.output, _is_embedding, "an embedding, floating-point of shape [n, d]")

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Who and where in one batch."""
        numbers = [self._known.numbers.get(sample.name) for sample in answers.ids]
        return {
            "face": np.array([-1 if number is None else number for number in numbers], np.int64),
            "embedding_reference": self._embedding(answers.reference, answers),
            "embedding": self._embedding(answers.candidate, answers),
        }

    def _embedding(self, outputs: Batch, answers: Answers) -> Array:
        name = chosen(answers.reference, self.output, _is_embedding)
        values = outputs[name or ""]
        return np.array(values.reshape(len(values), -1))

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """Both accuracies over pairs, the difference with its interval, and TAR at FAR.

        Raises:
            TooLittleError: fewer than 10 pairs of either kind have both samples.
        """
        places = np.full(self._known.size, -1)
        seen = rows["face"] >= 0
        places[rows["face"][seen]] = np.flatnonzero(seen)
        ends = places[self._known.ends]
        complete = np.asarray((ends >= 0).all(axis=1))
        same = np.asarray(self._known.same[complete])
        self._refuse_few(same)
        models = [
            Verification(_cosines(rows[name], ends[complete]), same, folds(same))
            for name in ("embedding_reference", "embedding")
        ]
        rates = [rate for rate in FALSE_ACCEPTS if rate * np.count_nonzero(~same) >= 1]

        def figures(weights: Doubles) -> Doubles:
            told = [
                [model.accuracy(weights), *(model.true_accepts(weights, rate) for rate in rates)] for model in models
            ]
            return np.moveaxis(np.array(told), 2, 0)

        accuracy, *accepts = paired(figures, len(same), resamples=RESAMPLES)
        mine, theirs = (model.decisions() for model in models)
        regressed, fixed = int(np.count_nonzero(mine & ~theirs)), int(np.count_nonzero(theirs & ~mine))
        facts = {
            "pairs": float(len(same)),
            "pairs_left_out": float(len(complete) - len(same)),
            "regressed": float(regressed),
            "fixed": float(fixed),
            "p_value": mcnemar(regressed, fixed),
        }
        for rate, figure in zip(rates, accepts, strict=True):
            facts |= figure.facts(f"tar_at_far_{rate:g}")
        return MetricSummary(
            metric="face-verification",
            samples=len(same),
            candidate=accuracy.candidate,
            reference=accuracy.reference,
            difference=_wider(accuracy.difference, paired_difference(regressed, fixed, len(same))),
            unit="share",
            title="face verification",
            facts={**facts, **accuracy.power},
        )

    def _refuse_few(self, same: Array) -> None:
        alike, different = int(np.count_nonzero(same)), int(np.count_nonzero(~same))
        if min(alike, different) < FOLDS:
            raise TooLittleError(
                "QK5003",
                f"{alike} pairs of the same face and {different} of different ones were seen",
                where=str(self.pairs),
                cause=f"{FOLDS} folds need at least {FOLDS} of each",
                hints=["the names in the pairs are those of the samples", "evaluate all samples"],
            )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """`ends`, int64[p, 2], are numbers of faces; `same` is bool[p]."""

    numbers: Named[int]
    ends: Counts
    same: Array

    @property
    def size(self) -> int:
        return len(self.numbers.entries)


def _read(path: Path) -> _Pairs:
    with readable(path):
        content = path.read_bytes()
    try:
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as reason:
        raise refused(path, str(reason)) from reason
    lines = [(number, [cell.strip() for cell in line]) for number, line in enumerate(table, 1) if line]
    if lines and lines[0][1] == ["a", "b", "same"]:
        del lines[0]
    numbers: dict[str, int] = {}
    ends, same = [], []
    for number, line in lines:
        if len(line) != 3 or line[2].lower() not in _SAME or not (line[0] and line[1]):
            raise refused(path, f"line {number} is not a, b, same with 1 or 0 at the end")
        ends.append([numbers.setdefault(name, len(numbers)) for name in line[:2]])
        same.append(_SAME[line[2].lower()])
    if not ends:
        raise refused(path, "it holds no pairs")
    return _Pairs(Named.of(numbers, path), np.array(ends, np.int64), np.array(same, np.bool_))


def _wider(drawn: Interval, exact: Interval) -> Interval:
    low, high = min(drawn.low, exact.low), max(drawn.high, exact.high)
    return replace(drawn, low=low, high=high, method=f"{drawn.method}, widened to the {exact.method}")


def _is_embedding(values: Array) -> bool:
    return values.dtype.kind == "f" and values.ndim >= 2 and int(np.prod(values.shape[1:])) >= 2


def _cosines(embeddings: Array, ends: Counts) -> Doubles:
    """The cosine of each pair, float64[p]; −1 where one end has no direction, being 0 or not finite."""
    vectors = embeddings.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        units = vectors / np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
        cosines = np.sum(units[ends[:, 0]] * units[ends[:, 1]], axis=1)
    return np.where(np.isnan(cosines), -1.0, cosines)


plugin: type[Metric] = FaceVerificationMetric
