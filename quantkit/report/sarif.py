"""Findings that point at a model file, for code scanning: SARIF 2.1.0.

A layer's accuracy is no finding: it has no place in a file, and an alert that pretends so misleads.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from quantkit._version import __version__
from quantkit.core.comparison import Comparison, Outcome, Subject
from quantkit.core.json_values import encoded
from quantkit.core.ports import Renderer
from quantkit.core.text import printable, shortened

MOST = 5000
"""GitHub keeps no more findings of a run."""

# Braces stand for arguments in SARIF's messages, and brackets for links.
_MEANT = {"{": "{{", "}": "}}", "[": "\\[", "]": "\\]", "\\": "\\\\"}
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A kind of finding; its id is the code that documents it, and stays as it is."""

    code: str
    name: str
    level: str
    short: str
    help: str


_QUANTIZED_TWICE = _Rule(
    "QK3017",
    "AlreadyQuantized",
    "warning",
    "The FP32 model of a comparison is itself quantized.",
    "Compare with the float model that it was made from: quantizing twice loses accuracy twice.",
)
_NOTHING_QUANTIZED = _Rule(
    "QK6002",
    "NothingQuantized",
    "error",
    "No node of an INT8 model runs in integers.",
    "quantkit inspect MODEL says for each node why.",
)
_MADE_UP = _Rule(
    "QK6003",
    "SyntheticCalibration",
    "error",
    "An INT8 model was calibrated on made-up data, or compared on it.",
    "Calibrate on real samples: quantkit calibrate MODEL --data PATH.",
)
_FLOAT_NODE = _Rule(
    "QK6030",
    "NodeNotQuantized",
    "note",
    "A node of an INT8 model runs in floating point.",
    "What stays in floating point makes a model slower and its accuracy better; the reason stands in the message.",
)
_RULES = (_QUANTIZED_TWICE, _NOTHING_QUANTIZED, _MADE_UP, _FLOAT_NODE)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A rule that one model, or one node of it, breaks."""

    rule: _Rule
    subject: Subject
    message: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class SarifRenderer:
    """What a run tells about the files of its models: synthetic calibration, double quantization, nodes in floats.

    A model with unsafe external data is refused before there is a run, and custom operators run only from libraries
    that somebody named: neither is found here.

    Args:
        root: the folder that paths are relative to; a file that lies elsewhere is told by its name alone, as a path
            that is valid on one machine only would be a new finding on every other.
    """

    root: Path | None = None

    def render(self, comparison: Comparison) -> str:
        """The whole document; equal runs are equal bytes."""
        found = sorted(_findings(comparison), key=lambda finding: finding.rule is _FLOAT_NODE)
        run = {
            "tool": {
                "driver": {
                    "name": "quantkit",
                    "semanticVersion": __version__,
                    "version": __version__,
                    "rules": [_described(rule) for rule in _RULES],
                }
            },
            "columnKind": "unicodeCodePoints",
            "results": [self._result(finding) for finding in found[:MOST]],
            "properties": {"samples": len(comparison.samples), "findings": len(found)},
        }
        document = {
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
        return f"{encoded(document, indent=1)}\n"

    def _result(self, finding: _Finding) -> dict[str, Any]:
        address = self._address(finding.subject.path)
        place: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": address, "uriBaseId": "%SRCROOT%"}}}
        if finding.node:
            node = printable(finding.node)
            place["logicalLocations"] = [{"name": node, "fullyQualifiedName": node, "kind": "element"}]
        identity = "\0".join([finding.rule.code, address, finding.node])
        return {
            "ruleId": finding.rule.code,
            "ruleIndex": _RULES.index(finding.rule),
            "level": finding.rule.level,
            "message": {"text": _plain(finding.message)},
            "locations": [place],
            "partialFingerprints": {
                "quantkit/v1": hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()
            },
        }

    def _address(self, path: str) -> str:
        """A relative reference to the file, whatever characters its name has.

        >>> SarifRenderer(Path("/repo"))._address("/repo/out/a b.onnx"), SarifRenderer()._address("/tmp/x/a.onnx")
        ('out/a%20b.onnx', 'a.onnx')
        """
        straight = posixpath.normpath(PurePath(path).as_posix()) if path else "unnamed"
        if self.root is not None:
            straight = straight.removeprefix(f"{self.root.as_posix().rstrip('/')}/")
        if straight.startswith(("/", "../")) or _DRIVE.match(straight):
            straight = posixpath.basename(straight)
        return quote(printable(straight)) or "unnamed"


def _findings(comparison: Comparison) -> Iterator[_Finding]:
    """Every finding, in the order of the models and their nodes."""
    reference = comparison.reference
    if reference.coverage is not None and reference.coverage.integer:
        told = f"{reference.coverage.integer} of its {reference.coverage.total} nodes run in integers"
        yield _Finding(_QUANTIZED_TWICE, reference, f"The FP32 model is itself quantized: {told}.")
    if _is_made_up(comparison):
        yield _Finding(_MADE_UP, reference, "The models were compared on made-up data.")
    for outcome in comparison.candidates:
        yield from _of_candidate(outcome)


def _of_candidate(outcome: Outcome) -> Iterator[_Finding]:
    subject, coverage = outcome.subject, outcome.subject.coverage
    name = shortened(subject.name, 60)
    if subject.provenance.get("quantkit.synthetic") == "true":
        yield _Finding(_MADE_UP, subject, f"{name} was calibrated on made-up data.")
    if coverage is None:
        return
    if coverage.total and not coverage.integer and not coverage.pairs:
        yield _Finding(_NOTHING_QUANTIZED, subject, f"0 of the {coverage.total} nodes of {name} run in integers.")
    for node in coverage.nodes:
        if node.precision != "int8":
            reason = shortened(node.reason, 300) or "no reason is known"
            what = f"{node.operator} {shortened(node.node, 120) or 'without a name'} runs in {node.precision}"
            yield _Finding(_FLOAT_NODE, subject, f"{what}: {reason}", node.node)


def _is_made_up(comparison: Comparison) -> bool:
    try:
        record = json.loads(comparison.data.get("preprocessing") or "{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("synthetic") is True


def _described(rule: _Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.short},
        "fullDescription": {"text": rule.short},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": rule.level},
    }


def _plain(text: str) -> str:
    """A message without arguments or links, whatever is in it.

    >>> _plain("a [link](x) {0}")
    'a \\\\[link\\\\](x) {{0}}'
    """
    return "".join(_MEANT.get(letter, letter) for letter in printable(text))


plugin: type[Renderer] = SarifRenderer
