"""A judgement as a JSON value, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from quantkit.core.verdict import Check, Judgement

SCHEMA = "quantkit.verdict/1"


def written(judgement: Judgement) -> dict[str, Any]:
    """Everything that was judged; the comparison itself stands in run.json."""
    return {
        "schema": SCHEMA,
        "verdict": str(judgement.verdict),
        "alpha": judgement.alpha,
        "samples": len(judgement.comparison.samples),
        "checks": [_from_check(check) for check in judgement.checks],
        "notes": list(judgement.notes),
    }


def _from_check(check: Check) -> dict[str, Any]:
    return asdict(check) | {"name": check.name, "verdict": str(check.verdict)}
