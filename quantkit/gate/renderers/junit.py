"""Verdicts as JUnit XML, which GitHub, GitLab and Jenkins show as tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from quantkit.core.ports import VerdictRenderer
from quantkit.core.text import printable
from quantkit.core.verdict import Check, Judgement, Verdict
from quantkit.gate.baseline import target

# Two code points that no XML 1.0 document may hold; control characters are gone already.
_FORBIDDEN = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class JunitVerdicts:
    """A testcase for each check: FAIL is a failure, INCONCLUSIVE and what is only a warning are skipped.

    Every number stands in the properties of its testcase.
    """

    def render(self, judgement: Judgement) -> str:
        """The whole document."""
        checks = judgement.checks
        counts = {
            "tests": str(len(checks)),
            "failures": str(sum(check.decides for check in checks)),
            "errors": "0",
            "skipped": str(sum(_is_skipped(check) for check in checks)),
        }
        root = Element("testsuites", {"name": "quantkit", **counts})
        suite = SubElement(root, "testsuite", {"name": "quantkit check", **counts, "time": "0"})
        _properties(suite, _context(judgement))
        backends = {outcome.subject.name: target(outcome) for outcome in judgement.comparison.candidates}
        for check in checks:
            _testcase(suite, check, backends.get(check.model, ""))
        indent(root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _is_skipped(check: Check) -> bool:
    return check.verdict is Verdict.INCONCLUSIVE or (check.advisory and check.verdict is Verdict.FAIL)


def _testcase(suite: Element, check: Check, backend: str) -> None:
    name = f"{check.metric} against {check.against}"
    case = SubElement(suite, "testcase", {"classname": _safe(f"{check.model}.{backend}"), "name": _safe(name)})
    case.set("time", "0")
    _properties(case, _numbers(check))
    if check.decides:
        failure = SubElement(case, "failure", {"message": _safe(check.reason), "type": "regression"})
        failure.text = _safe(f"{check.name}: {check.reason}")
    elif _is_skipped(check):
        SubElement(case, "skipped", {"message": _safe(f"{check.word}: {check.reason}")})


def _numbers(check: Check) -> dict[str, str]:
    """Every figure unrounded."""
    figures: dict[str, float | None] = {
        "reference": check.reference,
        "candidate": check.candidate,
        "drop": check.drop.estimate if check.drop else None,
        "drop_low": check.drop.low if check.drop else None,
        "drop_high": check.drop.high if check.drop else None,
        "limit": check.limit,
        **check.facts,
    }
    told = {name: repr(float(number)) for name, number in figures.items() if number is not None}
    method = {"method": check.drop.method} if check.drop and check.drop.method else {}
    return {"verdict": check.word, "unit": check.unit, "samples": str(check.samples), **told, **method}


def _context(judgement: Judgement) -> dict[str, str]:
    comparison = judgement.comparison
    notes = {f"note {number}": note for number, note in enumerate(judgement.notes, start=1)}
    return {"verdict": str(judgement.verdict), "alpha": repr(judgement.alpha), **comparison.environment, **notes}


def _properties(parent: Element, facts: Mapping[str, str]) -> None:
    holder = SubElement(parent, "properties")
    for name, fact in facts.items():
        SubElement(holder, "property", {"name": _safe(name), "value": _safe(fact)})


def _safe(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", printable(text))


plugin: type[VerdictRenderer] = JunitVerdicts
