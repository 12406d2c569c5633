"""From evidence and a limit to a verdict, and the correction for asking several questions at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quantkit.core.verdict import Verdict
from quantkit.gate.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Question:
    """Is the drop beyond `limit`, or is it not?"""

    evidence: Evidence
    limit: float


def verdicts(questions: Sequence[Question], alpha: float) -> list[Verdict]:
    """A verdict on each question.

    ``FAIL`` where the lower bound of the drop is above the limit, by Holm's procedure: the chance that any model on
    its limit fails is at most `alpha`, however many questions there are. ``PASS`` where the upper bound is below the
    limit; all questions have to pass, so that needs no correction. Limits are compared as they are, unrounded.

    S. Holm, Scandinavian Journal of Statistics 6 (1979), 65–70.
    """
    failed = _failed(questions, alpha)
    return [Verdict.FAIL if index in failed else _unfailed(question, alpha) for index, question in enumerate(questions)]


def _failed(questions: Sequence[Question], alpha: float) -> set[int]:
    """Steps down: what is rejected at alpha / open makes the next step laxer, until nothing more is rejected."""
    failed: set[int] = set()
    while len(failed) < len(questions):
        level = alpha / (len(questions) - len(failed))
        fresh = {
            index
            for index, question in enumerate(questions)
            if index not in failed and question.evidence.bounds(level).low > question.limit
        }
        if not fresh:
            break
        failed |= fresh
    return failed


def _unfailed(question: Question, alpha: float) -> Verdict:
    passed = question.evidence.bounds(alpha).high < question.limit
    return Verdict.PASS if passed else Verdict.INCONCLUSIVE


def power(question: Question) -> Mapping[str, float]:
    """The minimum detectable drop, and about how many samples would settle the question, if what drop is the true one.

    So many that the limit is told from no drop 4 times in 5; or, where there are as many already, from the drop that
    was found.
    """
    evidence, limit = question.evidence, question.limit
    facts = {} if evidence.detectable is None else {"minimum_detectable_drop": evidence.detectable}
    for supposed in (0.0, evidence.bounds(0.05).estimate):
        away = abs(limit - supposed)
        needed = evidence.needed(away) if away > 0 else 0.0
        if needed > evidence.samples and math.isfinite(needed):
            return {**facts, "needed": _rounded(needed), "supposed_drop": supposed}
    return facts


def _rounded(count: float) -> float:
    """Upwards to two digits: an estimate is not more exact.

    >>> _rounded(3231.4)
    3300.0
    """
    if count <= 10:
        return math.ceil(count)
    scale = 10.0 ** (math.floor(math.log10(count)) - 1)
    return math.ceil(count / scale) * scale
