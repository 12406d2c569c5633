"""Where everything comes from, so that it can be made again."""

from __future__ import annotations

from quantkit.core.comparison import Comparison, Subject
from quantkit.core.evidence import Evidence
from quantkit.report._html.markup import Section, listed, table
from quantkit.report._wording import sections


def section(comparison: Comparison, evidence: Evidence) -> Section:
    """Models, data, environment, in full."""
    subjects = [comparison.reference, *(outcome.subject for outcome in comparison.candidates)]
    lines = [line for subject in subjects for line in _model(subject)]
    lines += [["data", name, fact] for name, fact in comparison.data.items()]
    lines += [["run", "command", comparison.command]] if comparison.command else []
    lines += [["environment", name, fact] for name, fact in comparison.environment.items()]
    if evidence.statistics is not None:
        statistics = evidence.statistics
        lines += [
            ["calibration", "samples", str(len(statistics.samples))],
            ["calibration", "preprocessing", statistics.fingerprint.preprocessing],
            *(["calibration", name, fact] for name, fact in sorted(statistics.environment.items())),
        ]
    told = next((part.lines for part in sections(comparison) if part.title == "Provenance"), ())
    methods = [line for line in told if line.startswith(("intervals of ", "latency: "))]
    body = table(["of", "what", "is"], lines, names=3) + listed(methods)
    return Section("origin", "Provenance", body)


def _model(subject: Subject) -> list[list[str]]:
    # Whole records, such as the preprocessing, are told once, with the data.
    told = {name: fact for name, fact in subject.provenance.items() if not fact.startswith("{")}
    facts = {"path": subject.path, "content": subject.digest, **told}
    return [[subject.name, name, fact] for name, fact in facts.items()]
