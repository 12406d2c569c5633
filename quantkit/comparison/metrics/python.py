"""A function of one's own as a metric."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Any, TypeAlias

import numpy as np

from quantkit.comparison.accuracy import accuracy
from quantkit.comparison.means import figure
from quantkit.core.arrays import Array, Batch, Counts
from quantkit.core.comparison import MetricSummary
from quantkit.core.errors import QuantkitError, UsageError
from quantkit.core.ports import Answers, Metric, Obstacle
from quantkit.core.text import printable

Function: TypeAlias = Callable[[Batch, Batch, Counts | None], Any]
"""(reference's outputs, candidate's outputs, labels) → a score for each sample, or a mapping with the two keys
``"reference"`` and ``"candidate"`` of such scores. Outputs are arrays by name with samples along axis 0; labels are
int64[n], or `None` where the data has none. It is called once for each batch, so a score may depend on its own sample
only. Scores that are all true or false are taken for right and wrong."""


@dataclass(frozen=True, slots=True)
class PythonMetric:
    """The mean of the scores that a function gives to samples; of true and false, the share and its flips.

    Only a metric that a person names runs a person's code: the function is imported when it is asked for, as any
    module is, and nothing else is.

    Rows: ``FUNCTION``, and ``FUNCTION_reference`` where the function scores both models; bool or float64.

    Args:
        function: where it is, as ``package.module:function``.
        higher_is_better: the direction of the scores.
    """

    function: str
    higher_is_better: bool = True
    _call: Function = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_call", _imported(self.function))

    def obstacle(self, answers: Answers) -> Obstacle | None:
        """No output at all; the function itself says what else it cannot score."""
        return None if answers.reference else Obstacle("no output is divided into samples")

    def rows(self, answers: Answers) -> Mapping[str, Array]:
        """Scores of one batch.

        Raises:
            UsageError: the function raises, or returns anything but a score for each sample.
        """
        with _Blamed(f"{self.function} failed", "QK1055"):
            found = self._call(_shown(answers.reference), _shown(answers.candidate), answers.labels)
        samples = len(next(iter(answers.reference.values())))
        scores = found if isinstance(found, Mapping) else {"candidate": found}
        if not {"candidate"} <= set(scores) <= {"reference", "candidate"}:
            raise self._refused(f"a mapping with the keys {sorted(map(str, scores))}")
        suffixes = {"reference": "_reference", "candidate": ""}
        return {self.function + suffixes[key]: self._scores(values, samples) for key, values in scores.items()}

    def _scores(self, values: Any, samples: int) -> Array:
        with _Blamed(f"{self.function} returned no array", "QK1056"):
            scores = np.asarray(values)
        if scores.dtype.kind not in "biuf":
            raise self._refused(f"values of type {scores.dtype}")
        if scores.shape != (samples,):
            raise self._refused(f"an array of shape {list(scores.shape)}")
        if scores.dtype.kind == "f" and np.isnan(scores).any():
            raise self._refused(f"NaN for sample {int(np.argmax(np.isnan(scores)))} of a batch")
        return scores if scores.dtype.kind == "b" else scores.astype(np.float64)

    def _refused(self, found: str) -> UsageError:
        return UsageError(
            "QK1056",
            f"{self.function} returned {found}",
            cause="one score is wanted for each sample of the batch, or a mapping of such with reference and candidate",
            hints=["return a score for each sample, or {'reference': ..., 'candidate': ...} of such"],
        )

    def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
        """The mean, and where both models are scored the paired difference."""
        name = self.function
        own, reference = rows[name], rows.get(f"{name}_reference")
        title = printable(self.function.rpartition(":")[2])
        if reference is not None and own.dtype.kind == reference.dtype.kind == "b":
            return accuracy(self.function, title, reference, own)
        scores = {column: values.astype(np.float64) for column, values in rows.items()}
        return figure(self.function, scores, title=title, higher_is_better=self.higher_is_better)


class _Blamed:
    """Whatever is raised inside is the fault of a person's function, and told as what a traceback ends with.

    Such a function may raise any exception there is. quantkit's own errors pass as they are, and so does what is no
    error but a request to stop.
    """

    def __init__(self, title: str, code: str) -> None:
        self._title = title
        self._code = code

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, QuantkitError):
            return
        last = traceback.extract_tb(trace)[-1]
        raise UsageError(
            self._code,
            printable(self._title),
            where=printable(f"{last.filename}:{last.lineno}"),
            cause=printable(" ".join(traceback.format_exception_only(error)[-1].split())),
        ) from error


def _imported(place: str) -> Function:
    """The function at ``package.module:function``.

    Raises:
        UsageError: it cannot be imported, or is none.
    """
    module, _, name = place.partition(":")
    hints = ["write package.module:function", "the module has to be importable: install it, or set PYTHONPATH"]
    if not module or not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise UsageError("QK1054", f"{printable(place)!r} is no place of a function", hints=hints)
    try:
        with _Blamed(f"cannot import {place}", "QK1054"):
            found = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
    except UsageError as refusal:
        refusal.hints = tuple(hints)
        raise
    if not callable(found):
        raise UsageError("QK1054", f"{place} is {type(found).__name__}, not a function", hints=hints)
    return found


def _shown(outputs: Batch) -> Batch:
    """The outputs so that a function can look at them only: other metrics read the same arrays."""
    views = {name: values.view() for name, values in outputs.items()}
    for values in views.values():
        values.flags.writeable = False
    return MappingProxyType(views)


plugin: type[Metric] = PythonMetric
