"""Verdicts in the OpenMetrics text format, which GitLab shows in merge requests and Prometheus collects."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from quantkit.core.ports import VerdictRenderer
from quantkit.core.text import printable
from quantkit.core.verdict import Check, Judgement, Verdict

_FAMILIES: dict[str, tuple[str, Callable[[Check], float | None]]] = {
    "quantkit_candidate": ("the figure of the INT8 model", lambda check: check.candidate),
    "quantkit_reference": ("what it is held against", lambda check: check.reference),
    "quantkit_drop": ("how much worse it is", lambda check: check.drop.estimate if check.drop else None),
    "quantkit_drop_low": ("lower one-sided bound", lambda check: check.drop.low if check.drop else None),
    "quantkit_drop_high": ("upper one-sided bound", lambda check: check.drop.high if check.drop else None),
    "quantkit_limit": ("what is tolerated", lambda check: check.limit),
    "quantkit_samples": ("samples that it is shown by", lambda check: float(check.samples)),
    "quantkit_pass": ("1 where the limit is shown to be kept", lambda check: float(check.verdict is Verdict.PASS)),
    "quantkit_fail": ("1 where it is shown to be exceeded", lambda check: float(check.verdict is Verdict.FAIL)),
}


@dataclass(frozen=True, slots=True)
class OpenmetricsVerdicts:
    """A gauge for each figure, a sample for each check."""

    def render(self, judgement: Judgement) -> str:
        """The whole exposition."""
        return "".join(f"{line}\n" for line in [*_lines(judgement), "# EOF"])


def _lines(judgement: Judgement) -> Iterator[str]:
    for family, (help, read) in _FAMILIES.items():
        found = [(check, read(check)) for check in judgement.checks]
        yield f"# TYPE {family} gauge"
        yield f"# HELP {family} {help}"
        for check, number in found:
            if number is not None:
                yield f"{family}{{{_labels(check)}}} {_number(number)}"


def _labels(check: Check) -> str:
    labels = {"model": check.model, "metric": check.metric, "against": check.against, "unit": check.unit}
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    """As the format spells it.

    >>> _number(0.1), _number(math.inf), _number(math.nan)
    ('0.1', '+Inf', 'NaN')
    """
    if math.isnan(value):
        return "NaN"
    return repr(float(value)) if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


plugin: type[VerdictRenderer] = OpenmetricsVerdicts
