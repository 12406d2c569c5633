"""Findings for code scanning: which there are, where they point, and that they stay the same finding."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from quantkit.core.comparison import Comparison, Coverage, NodeCoverage
from quantkit.report.sarif import MOST, SarifRenderer
from tests.fake_comparison import comparison

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}

# What SARIF 2.1.0 says of the objects that are written: required members, no unknown ones, types and patterns.
SCHEMA = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}, "minItems": 1},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "additionalProperties": False,
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                "properties": {"type": "object"},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
                "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "uniqueItems": True},
            },
        },
        "rule": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string", "pattern": r"^QK\d{4}$"},
                "name": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]+$"},
                "shortDescription": TEXT,
                "fullDescription": TEXT,
                "help": TEXT,
                "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
            },
        },
        "result": {
            "type": "object",
            "required": ["message", "ruleId", "ruleIndex", "locations", "partialFingerprints"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": LEVEL,
                "message": TEXT,
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}, "minItems": 1},
                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "location": {
            "type": "object",
            "required": ["physicalLocation"],
            "additionalProperties": False,
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "required": ["uri"],
                            "additionalProperties": False,
                            "properties": {
                                "uri": {"type": "string", "pattern": r"^[^/:?#\\ ][^:?#\\ ]*$"},
                                "uriBaseId": {"type": "string"},
                            },
                        }
                    },
                },
                "logicalLocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "fullyQualifiedName": {"type": "string"},
                            "kind": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
}


def run_of(whole: Comparison, root: Path | None = None) -> dict[str, Any]:
    """The one run of the document, which keeps to the format."""
    document = json.loads(SarifRenderer(root).render(whole))
    jsonschema.validate(document, SCHEMA)
    run: dict[str, Any] = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[found["ruleIndex"]]["id"] == found["ruleId"] for found in run["results"])
    return run


def results(whole: Comparison, root: Path | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run_of(whole, root)["results"]
    return found


def fingerprints(whole: Comparison, root: Path | None = None) -> list[str]:
    return [found["partialFingerprints"]["quantkit/v1"] for found in results(whole, root)]


def test_every_node_in_floating_point_is_a_note_with_its_reason() -> None:
    found = results(comparison())
    assert [each["ruleId"] for each in found] == ["QK6030"] * 5
    assert {each["level"] for each in found} == {"note"}
    first = found[0]
    assert first["message"]["text"] == "Softmax /head/Softmax runs in fp32: its inputs are not quantized"
    (place,) = first["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "out/model.max.int8.onnx"
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "/head/Softmax"


def with_candidate(**changes: Any) -> Comparison:
    whole = comparison()
    first = whole.candidates[0]
    return replace(whole, candidates=(replace(first, subject=replace(first.subject, **changes)),))


def test_made_up_data_is_an_error_and_stands_first() -> None:
    found = results(with_candidate(provenance={"quantkit.synthetic": "true"}))
    assert (found[0]["ruleId"], found[0]["level"]) == ("QK6003", "error")
    compared = replace(comparison(), data={"preprocessing": '{"synthetic": true}'})
    assert results(compared)[0]["message"]["text"] == "The models were compared on made-up data."


@pytest.mark.parametrize("record", ["", "[", "[1]", "[" * 100_000])
def test_a_record_of_preprocessing_that_is_none_is_no_finding(record: str) -> None:
    found = results(replace(comparison(), data={"preprocessing": record}))
    assert {each["ruleId"] for each in found} == {"QK6030"}


def test_a_reference_in_integers_was_quantized_before() -> None:
    whole = comparison()
    coverage = whole.candidates[0].subject.coverage
    found = results(replace(whole, reference=replace(whole.reference, coverage=coverage)))
    assert found[0]["ruleId"] == "QK3017"
    assert found[0]["message"]["text"] == "The FP32 model is itself quantized: 9 of its 13 nodes run in integers."


def test_a_model_without_an_integer_node_is_an_error() -> None:
    nodes = (NodeCoverage("a", "Conv", "fp32"),)
    found = results(with_candidate(coverage=Coverage(nodes)))
    assert [each["ruleId"] for each in found] == ["QK6002", "QK6030"]
    assert found[1]["message"]["text"].endswith("no reason is known")


def test_pairs_that_are_computed_in_floats_are_no_lack_of_quantization() -> None:
    coverage = Coverage((NodeCoverage("a", "Conv", "fp32"),), pairs=3)
    assert [each["ruleId"] for each in results(with_candidate(coverage=coverage))] == ["QK6030"]


def test_a_finding_stays_the_same_whatever_else_changes() -> None:
    before = fingerprints(comparison())
    assert len(set(before)) == len(before)
    later = replace(comparison(), notes=("another note",), environment={})
    assert fingerprints(later) == before
    absolute = with_candidate(path="/repo/out/model.max.int8.onnx")
    assert fingerprints(absolute, Path("/repo")) == fingerprints(with_candidate(path="out/model.max.int8.onnx"))


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/repo/out/a.onnx", "out/a.onnx"),
        ("/elsewhere/a.onnx", "a.onnx"),
        ("../a.onnx", "a.onnx"),
        ("./out//x/../a b#1?.onnx", "out/a%20b%231%3F.onnx"),
        ("http://x.test/a.onnx", "http%3A/x.test/a.onnx"),
        ("C:/models/a.onnx", "a.onnx"),
        ("", "unnamed"),
    ],
)
def test_a_path_is_told_relative_to_the_root_or_by_its_name(path: str, address: str) -> None:
    found = results(with_candidate(path=path), Path("/repo"))
    assert found[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == address


def test_of_too_many_findings_the_gravest_are_kept_and_all_counted() -> None:
    nodes = tuple(NodeCoverage(f"n{number}", "Add", "fp32") for number in range(MOST + 10))
    run = run_of(with_candidate(coverage=Coverage(nodes)))
    assert len(run["results"]) == MOST
    assert run["results"][0]["ruleId"] == "QK6002"
    assert run["properties"] == {"findings": MOST + 11, "samples": 300}
