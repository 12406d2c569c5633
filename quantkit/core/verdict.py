"""What a comparison allows to be concluded: checks with a limit each, and a verdict on every one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from quantkit.core.comparison import Comparison, Interval
from quantkit.core.figures import change, milliseconds, value
from quantkit.core.notebook import html_table


class Verdict(Enum):
    """What is shown about one limit; no evidence can show both `PASS` and `FAIL`."""

    PASS = auto()
    FAIL = auto()
    INCONCLUSIVE = auto()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Check:
    """One limit and what is shown about it.

    Args:
        model: the candidate's name.
        metric: plug-in name of a metric, or what else is limited, such as ``"latency-p50"``.
        against: the reference's name, ``"baseline"``, or ``"limit"`` for a bound on the figure itself.
        verdict: what is shown.
        samples: how many samples it is shown by.
        candidate: the candidate's figure.
        reference: the figure that it is held against.
        drop: how much worse the candidate is, positive for worse, with two one-sided bounds.
        limit: the drop that is tolerated, or the bound.
        unit: of all figures: ``"share"``, ``"dB"``, ``"ms"`` or none.
        title: what tables call the metric.
        reason: one sentence for people: what the verdict rests on, and what would settle it.
        improved: the candidate is shown to be better than what it is held against.
        advisory: told, and decides nothing.
        facts: further figures, such as ``{"regressed": 3, "fixed": 1, "needed": 3300}``.
    """

    model: str
    metric: str
    against: str
    verdict: Verdict
    samples: int
    candidate: float
    reference: float | None = None
    drop: Interval | None = None
    limit: float | None = None
    unit: str = ""
    title: str = ""
    reason: str = ""
    improved: bool = False
    advisory: bool = False
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tells it from every other check of a run."""
        return f"{self.model}/{self.metric} against {self.against}"

    @property
    def word(self) -> str:
        """The verdict; a failure that decides nothing is a warning."""
        return "WARNING" if self.advisory and self.verdict is Verdict.FAIL else str(self.verdict)

    def shown(self, figure: float | None) -> str:
        """One of its figures with the unit; nothing for none."""
        if figure is None:
            return ""
        return milliseconds(figure) if self.unit == "ms" else value(figure, self.unit)

    @property
    def shown_limit(self) -> str:
        """What is allowed: a drop, or the figure itself."""
        if self.limit is None or self.drop is None:
            return self.shown(self.limit)
        return change(self.limit, self.unit).removeprefix("+")

    def __repr__(self) -> str:
        moved = " → ".join(filter(None, map(self.shown, (self.reference, self.candidate))))
        return f"Check({self.word}: {self.name}, {moved})"

    @property
    def decides(self) -> bool:
        """Whether it is a failure that counts."""
        return self.verdict is Verdict.FAIL and not self.advisory


@dataclass(frozen=True, slots=True)
class Judgement:
    """A comparison with the verdicts on it.

    Args:
        comparison: what was judged.
        checks: in the order of candidates.
        alpha: the chance, at most, that a model on the limit fails, over all checks together.
        notes: warnings about the judgement itself, such as a baseline from another machine.
    """

    comparison: Comparison
    checks: tuple[Check, ...]
    alpha: float = 0.05
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of those that count; nothing is passed without a check."""
        counted = [check.verdict for check in self.checks if not check.advisory]
        if Verdict.FAIL in counted:
            return Verdict.FAIL
        return Verdict.PASS if counted and set(counted) == {Verdict.PASS} else Verdict.INCONCLUSIVE

    @property
    def headline(self) -> str:
        """The verdict on everything, and how it comes about."""
        counts = Counter(check.word for check in self.checks)
        told = ", ".join(
            f"{counts[kind]} {kind}" for kind in ("FAIL", "WARNING", "INCONCLUSIVE", "PASS") if counts[kind]
        )
        return f"{self.verdict}: {told or 'no checks'} on {len(self.comparison.samples)} samples"

    def __repr__(self) -> str:
        return f"Judgement({self.headline})"

    def _repr_html_(self) -> str:
        header = ["", "check", "reference", "now", "limit", "why"]
        rows = [
            [
                check.word,
                check.name,
                check.shown(check.reference),
                check.shown(check.candidate),
                check.shown_limit,
                check.reason,
            ]
            for check in self.checks
        ]
        return html_table(self.headline, header, rows)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """Failures that decide nothing."""
        return tuple(check for check in self.checks if check.advisory and check.verdict is Verdict.FAIL)
