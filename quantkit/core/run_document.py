"""A comparison as a JSON document and back, without its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quantkit.core.comparison import (
    Comparison,
    Coverage,
    EngineLayers,
    Interval,
    Latency,
    MetricSummary,
    NodeCoverage,
    Noise,
    Outcome,
    Subject,
)
from quantkit.core.errors import ArtifactError
from quantkit.core.json_values import count, entries, real, text, texts, truth
from quantkit.core.leads import Lead, Margin
from quantkit.core.timing import time_ratio

SCHEMA = "quantkit.run/1"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a document says about its rows: how many, whether labelled, and candidate → column → type."""

    samples: int
    labelled: bool
    columns: Mapping[str, Mapping[str, str]]


def refused(cause: str) -> ArtifactError:
    """The error for a document that is not a run of this version."""
    return ArtifactError("QK3241", "not a usable run", cause=cause, hints=["compare again"])


def written(comparison: Comparison) -> dict[str, Any]:
    """The document; what it says beyond the comparison, such as counts, is for readers without quantkit."""
    noise = {name: asdict(found) for name, found in comparison.noise.items()}
    return {
        "schema": SCHEMA,
        **({"noise": noise} if noise else {}),
        **({"leads": [_from_lead(lead) for lead in comparison.leads]} if comparison.leads else {}),
        **({"command": comparison.command} if comparison.command else {}),
        "reference": _from_subject(comparison.reference),
        "candidates": [_from_outcome(outcome, comparison.reference.latency) for outcome in comparison.candidates],
        "samples": {"count": len(comparison.samples), "labelled": comparison.labels is not None},
        "environment": dict(comparison.environment),
        "data": dict(comparison.data),
        "notes": list(comparison.notes),
    }


def _from_lead(lead: Lead) -> dict[str, Any]:
    return asdict(lead) | {"shown": not lead.open}


def _from_outcome(outcome: Outcome, reference: Latency | None) -> dict[str, Any]:
    speed_up = time_ratio(reference, outcome.subject.latency)
    return {
        **({"speed_up": asdict(speed_up)} if speed_up else {}),
        "subject": _from_subject(outcome.subject),
        "metrics": [asdict(summary) for summary in outcome.metrics],
        "columns": {name: values.dtype.name for name, values in outcome.rows.items()},
    }


def _from_subject(subject: Subject) -> dict[str, Any]:
    document = asdict(subject)
    if subject.coverage is not None:
        document["coverage"] |= {"integer": subject.coverage.integer, "total": subject.coverage.total}
        if subject.coverage.engine is None:
            del document["coverage"]["engine"]
        if not subject.coverage.pairs:
            del document["coverage"]["pairs"]
    return document


def read(document: Mapping[str, Any]) -> tuple[Comparison, Shape]:
    """The comparison without rows, and what is said about them. Raises one of `MALFORMED` on damage.

    Raises:
        ArtifactError: the document has another schema.
        UsageError: two models have one name.
    """
    if document["schema"] != SCHEMA:
        raise refused(f"its schema is {document['schema']!r}, this version reads {SCHEMA!r}")
    candidates, samples = entries(document["candidates"]), document["samples"]
    comparison = Comparison(
        reference=_to_subject(document["reference"]),
        candidates=tuple(_to_outcome(entry) for entry in candidates),
        samples=(),
        environment=texts(document["environment"]),
        data=texts(document["data"]),
        notes=tuple(text(note) for note in entries(document["notes"])),
        noise={name: _to_noise(entry) for name, entry in document.get("noise", {}).items()},
        leads=tuple(_to_lead(entry) for entry in entries(document.get("leads", []))),
        command=text(document.get("command", "")),
    )
    columns = {text(entry["subject"]["name"]): texts(entry["columns"]) for entry in candidates}
    return comparison, Shape(count(samples["count"]), truth(samples["labelled"]), columns)


def _to_outcome(entry: Mapping[str, Any]) -> Outcome:
    return Outcome(_to_subject(entry["subject"]), tuple(to_metric(metric) for metric in entries(entry["metrics"])), {})


def _to_subject(entry: Mapping[str, Any]) -> Subject:
    latency, coverage = entry["latency"], entry["coverage"]
    return Subject(
        name=text(entry["name"]),
        path=text(entry["path"]),
        digest=text(entry["digest"]),
        size_bytes=count(entry["size_bytes"]),
        latency=None if latency is None else to_latency(latency),
        coverage=None if coverage is None else _to_coverage(coverage),
        provenance=texts(entry["provenance"]),
    )


def to_latency(entry: Mapping[str, Any]) -> Latency:
    """A latency of the document; raises one of `MALFORMED` on damage."""
    return Latency(
        p50_ms=real(entry["p50_ms"]),
        p90_ms=real(entry["p90_ms"]),
        runs=count(entry["runs"]),
        batch=count(entry["batch"]),
        warmup=count(entry["warmup"]),
        **{name: tuple(real(spent) for spent in entries(entry.get(name, []))) for name in ("p50s_ms", "p90s_ms")},
    )


def _to_coverage(entry: Mapping[str, Any]) -> Coverage:
    engine = entry.get("engine")
    nodes = tuple(_to_node(node) for node in entries(entry["nodes"]))
    return Coverage(nodes, None if engine is None else _to_engine(engine), count(entry.get("pairs", 0)))


def _to_engine(entry: Mapping[str, Any]) -> EngineLayers:
    unscaled = entry["unscaled"]
    return EngineLayers(
        by_precision={name: count(layers) for name, layers in entry["by_precision"].items()},
        reformats=count(entry["reformats"]),
        unscaled=None if unscaled is None else texts(unscaled),
    )


def _to_node(entry: Mapping[str, Any]) -> NodeCoverage:
    return NodeCoverage(**{name: text(entry[name]) for name in ("node", "operator", "precision", "reason")})


def _to_noise(entry: Mapping[str, Any]) -> Noise:
    floors = {metric: real(floor) for metric, floor in entry["floors"].items()}
    return Noise(count(entry["samples"]), count(entry["changed"]), floors)


def _to_lead(entry: Mapping[str, Any]) -> Lead:
    return Lead(
        metric=text(entry["metric"]),
        name=text(entry["name"]),
        over={other: Margin(real(its["estimate"]), real(its["low"])) for other, its in entry["over"].items()},
        level=real(entry["level"]),
        unit=text(entry["unit"]),
        title=text(entry["title"]),
    )


def to_metric(entry: Mapping[str, Any]) -> MetricSummary:
    """A metric of the document; raises one of `MALFORMED` on damage."""
    return MetricSummary(
        metric=text(entry["metric"]),
        samples=count(entry["samples"]),
        candidate=real(entry["candidate"]),
        reference=None if entry["reference"] is None else real(entry["reference"]),
        difference=_to_interval(entry["difference"]),
        interval=_to_interval(entry["interval"]),
        unit=text(entry["unit"]),
        higher_is_better=truth(entry["higher_is_better"]),
        title=text(entry["title"]),
        facts={name: real(value) for name, value in entry["facts"].items()},
    )


def _to_interval(entry: Mapping[str, Any] | None) -> Interval | None:
    if entry is None:
        return None
    low, high, level = real(entry["low"]), real(entry["high"]), real(entry["level"])
    return Interval(real(entry["estimate"]), low, high, level, text(entry["method"]))
