"""What CI systems run: the action's own script and the snippets of the manual, against this quantkit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import quantkit
from quantkit.core import run as stored
from tests.gate_runs import run

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "quantkit-check" / "action.yml"
MANUAL = (ROOT / "docs" / "ci.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    return found


@pytest.fixture
def bash(tmp_path: Path) -> dict[str, str]:
    """The environment of a script: a ``quantkit`` that is this one, and the files that GitHub gives."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "quantkit"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m quantkit "$@"\n')
    program.chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(quantkit.__file__).parents[1]),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step-summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "step-output"),
    }


def started(script: str, folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("regressed", "exit_code"), [(10, 0), (500, 1)], ids=["passes", "fails"])
def test_the_script_of_the_action(regressed: int, exit_code: int, tmp_path: Path, bash: dict[str, str]) -> None:
    stored.save(run(5000), tmp_path / "run.json")
    made = started("quantkit baseline update run.json --reason first", tmp_path, bash)
    assert made.returncode == 0, made.stderr
    stored.save(run(5000, regressed=regressed), tmp_path / "run.json")
    inputs = {"RUN": "run.json", "BASELINE": "quantkit.baseline.json", "REPORTS": "reports"}
    ended = started(
        action()["runs"]["steps"][0]["run"], tmp_path, bash | inputs | {"ARGUMENTS": "--min-ratio top1=0.99 --json"}
    )
    assert ended.returncode == exit_code, ended.stderr
    assert ("::error title=FAIL" in ended.stdout) == bool(exit_code)
    assert (tmp_path / "step-summary.md").read_text().startswith("## FAIL" if exit_code else "## PASS")
    assert (tmp_path / "step-output").read_text() == f"exit-code={exit_code}\n"
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {
        *("junit.xml", "summary.md", "metrics.txt", "annotations.txt")
    }


def test_the_action_hands_inputs_over_as_variables_and_pins_what_it_uses() -> None:
    steps = action()["runs"]["steps"]
    assert "${{" not in steps[0]["run"]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    assert steps[-1]["if"] == "always()"


def test_the_manual_shows_workflows_that_are_pinned_and_may_only_read() -> None:
    github, gitlab = (yaml.safe_load(snippet) for snippet in SNIPPETS)
    assert github["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in github["jobs"]["int8"]["steps"] if "uses" in step]
    assert all(re.search(r"@[0-9a-f]{40}$", name) or name.startswith("./") for name in used)
    assert (ROOT / next(name for name in used if name.startswith("./")) / "action.yml").is_file()
    assert gitlab["int8-accuracy"]["artifacts"]["when"] == "always"


def test_the_gate_of_the_gitlab_snippet_runs(tmp_path: Path, bash: dict[str, str]) -> None:
    job = yaml.safe_load(SNIPPETS[1])["int8-accuracy"]
    stored.save(run(5000), tmp_path / "run.json")
    assert started("quantkit baseline update run.json --reason first", tmp_path, bash).returncode == 0
    (gate,) = (line for line in job["script"] if line.startswith("quantkit check"))
    ended = started(gate, tmp_path, bash)
    assert ended.returncode == 0, ended.stderr
    assert all((tmp_path / name).is_file() for name in job["artifacts"]["reports"].values())
