"""What this machine can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Command = Callable[..., Any]


def test_it_is_fit_to_run_the_tests(command: Command) -> None:
    result = command("doctor")
    assert result.exit_code == 0
    assert result.output.startswith("ok  quantkit")
    assert 'pip install "quantkit-ptq[' in result.output or "tensorrt" in result.output


def test_json_has_a_status_for_each_finding(command: Command) -> None:
    findings = command("doctor", "--json").document["findings"]
    assert {finding["status"] for finding in findings} <= {"ok", "absent"}
