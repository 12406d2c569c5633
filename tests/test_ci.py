"""What CI systems run: the action's steps and the snippets of the manual, with a wheel of this quantkit."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

import quantkit
from quantkit.core import run as stored
from quantkit.data.selection import Selection
from tests.gate_runs import run

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "quantkit-check" / "action.yml"
MANUAL = (ROOT / "docs" / "ci.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
SOURCES = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This quantkit as it would be published, built without a network."""
    if not all(find_spec(name) for name in ("pip", "setuptools")):
        pytest.skip("pip and setuptools are needed to build a wheel")
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "quantkit", source / "quantkit", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    words = ("pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "-w", "dist")
    subprocess.run([sys.executable, "-m", *words], cwd=source, check=True)
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed in, with its command."""
    place = tmp_path_factory.mktemp("installed")
    words = ("pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(place), str(wheel))
    subprocess.run([sys.executable, "-m", *words], check=True)
    return place


@dataclass(frozen=True)
class Runner:
    """A machine of a CI system, as far as scripts see it: a folder, variables, and programs on the path."""

    folder: Path
    variables: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, packages: Path) -> Runner:
        programs = folder / "bin"
        programs.mkdir()
        (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (programs / "python").chmod(0o755)
        path = os.pathsep.join([str(packages / "bin"), str(programs), os.environ["PATH"]])
        files = {name: str(folder / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        return cls(folder, {"PATH": path, "PYTHONPATH": str(packages), "PIP_TARGET": str(packages), **files})

    def ran(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", "-e", "-c", script]
        environment = {**self.variables, **variables}
        return subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def acted(self, **given: str) -> tuple[int, str, dict[str, str]]:
        """Runs the action's steps with these inputs: its exit code, what it printed, and its outputs."""
        inputs = {name: entry.get("default", "") for name, entry in action()["inputs"].items()} | given
        code, printed, outputs = 0, "", dict[str, str]()
        for step in action()["runs"]["steps"]:
            if not wanted(step.get("if"), inputs, failed=bool(code)):
                continue
            if "run" in step:
                environment = {name: filled(text, inputs, outputs) for name, text in step.get("env", {}).items()}
                ended = self.ran(step["run"], **environment)
                code, printed = code or ended.returncode, printed + ended.stdout + ended.stderr
                outputs |= self._outputs(step.get("id"))
            elif "path" in step["with"]:
                kept = [self.folder / line for line in filled(step["with"]["path"], inputs, outputs).splitlines()]
                assert all(path.exists() for path in kept), kept
        declared = {name: filled(entry["value"], inputs, outputs) for name, entry in action()["outputs"].items()}
        return code, printed, declared

    def _outputs(self, step: str | None) -> dict[str, str]:
        path = Path(self.variables["GITHUB_OUTPUT"])
        lines = path.read_text().splitlines() if path.exists() else []
        return {f"steps.{step}.outputs.{name}": value for name, _, value in (line.partition("=") for line in lines)}


def wanted(condition: str | None, inputs: Mapping[str, str], *, failed: bool) -> bool:
    """Whether a step runs, for the conditions that the action has."""
    if condition == "always()":
        return True
    if condition is None:
        return not failed
    name = re.fullmatch(r"inputs\.(\w+) != ''", condition)
    assert name, condition
    return bool(inputs[name[1]]) and not failed


def filled(text: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """`text` with its expressions replaced; one that is not known fails the test."""
    known = {**{f"inputs.{name}": value for name, value in inputs.items()}, **outputs}
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: known[found[1]], text)


@pytest.fixture
def runner(tmp_path: Path, installed: Path) -> Runner:
    return Runner.at(tmp_path, installed)


@pytest.fixture
def kept(runner: Runner) -> Runner:
    """With a baseline that was made from a run that passes."""
    stored.save(run(5000), runner.folder / "run.json")
    made = runner.ran("quantkit baseline update run.json --reason first")
    assert made.returncode == 0, made.stderr
    return runner


def test_the_wheel_is_what_runs(runner: Runner, installed: Path) -> None:
    where = runner.ran("python -c 'import quantkit; print(quantkit.__file__)'").stdout
    assert where.startswith(str(installed))


@pytest.mark.parametrize(("regressed", "exit_code"), [(10, 0), (500, 1)], ids=["passes", "fails"])
def test_the_steps_of_the_action(regressed: int, exit_code: int, kept: Runner) -> None:
    stored.save(run(5000, regressed=regressed), kept.folder / "run.json")
    code, printed, outputs = kept.acted(baseline="quantkit.baseline.json", arguments="--min-ratio top1=0.99 --json")
    assert code == exit_code, printed
    assert ("::error title=FAIL" in printed) == bool(exit_code)
    summary = (kept.folder / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("## FAIL" if exit_code else "## PASS")
    assert outputs == {"exit-code": str(exit_code)}
    reports = {path.name for path in (kept.folder / "quantkit-reports").iterdir()}
    assert {"junit.xml", "summary.md", "metrics.txt", "annotations.txt"} <= reports
    assert ("report.html" in reports) == (find_spec("plotly") is not None)


def test_a_run_of_another_name_is_kept_with_its_rows(runner: Runner) -> None:
    stored.save(run(5000), runner.folder / "nightly.json")
    assert (runner.folder / "nightly.samples.jsonl").is_file()
    code, printed, _ = runner.acted(run="nightly.json", reports="elsewhere")
    assert code == 0, printed


def test_the_action_installs_pinned_packages_with_their_hashes(tmp_path: Path, wheel: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    runner = Runner.at(tmp_path, packages)
    stored.save(run(5000), tmp_path / "run.json")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"quantkit-ptq @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    code, printed, _ = runner.acted(requirements="requirements.txt")
    assert code == 0, printed
    assert (packages / "quantkit" / "__init__.py").is_file()
    assert "--require-hashes" in action()["runs"]["steps"][0]["run"]


def test_inputs_are_handed_over_as_variables_and_do_nothing_else(runner: Runner) -> None:
    steps = action()["runs"]["steps"]
    assert not any("${{" in step.get("run", "") for step in steps)
    stored.save(run(5000), runner.folder / "run.json")
    code, _, _ = runner.acted(arguments="$(touch made) ; touch made")
    assert code == 2
    assert not (runner.folder / "made").exists()


def test_the_action_pins_what_it_uses_and_uploads_whatever_happens() -> None:
    steps = action()["runs"]["steps"]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    assert steps[-1]["if"] == "always()"


def test_the_manual_shows_workflows_that_are_pinned_and_may_only_read() -> None:
    github, gitlab = (yaml.safe_load(snippet) for snippet in SNIPPETS)
    assert github["permissions"] == {"contents": "read"}
    steps = github["jobs"]["int8"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert all(re.search(r"@[0-9a-f]{40}$", name) or name.startswith("./") for name in used)
    assert (ROOT / next(name for name in used if name.startswith("./")) / "action.yml").is_file()
    assert steps[-1]["with"].keys() <= action()["inputs"].keys()
    assert gitlab["int8-accuracy"]["artifacts"]["when"] == "always"


@pytest.fixture
def project(runner: Runner, digits: Path) -> Runner:
    """A checkout with the files that the manual names: a model in both forms, and images."""
    recipe = digits / "preprocess.toml"
    calib = quantkit.open_source(digits / "calib", preprocessing=recipe, selection=Selection(max_samples=64))
    model = quantkit.load_model(digits / "model.onnx")
    ranges = quantkit.calibrate_ranges(quantkit.collect(model, calib), "entropy")
    quantkit.quantize(model, ranges, to=runner.folder / "model.int8.onnx")
    shutil.copy(digits / "model.onnx", runner.folder)
    shutil.copy(recipe, runner.folder)
    (runner.folder / "val").symlink_to(digits / "eval")
    return runner


def commands(script: list[str]) -> list[str]:
    """The lines that run quantkit; the digits are no photographs, so that their own preprocessing is named."""
    found = [line for line in script if line.startswith("quantkit ")]
    return [line.replace("--preprocess imagenet", "--preprocess preprocess.toml") for line in found]


def test_the_jobs_of_the_manual_run_on_real_models(project: Runner) -> None:
    github, gitlab = (yaml.safe_load(snippet) for snippet in SNIPPETS)
    job, steps = gitlab["int8-accuracy"], github["jobs"]["int8"]["steps"]
    compare, check = commands(job["script"])
    assert commands([step["run"] for step in steps if "run" in step]) == [compare]
    # 900 digits are too few to prove the limit of the manual: that is an answer, and no failure.
    update = "quantkit baseline update run.json --reason first --max-drop top1=3pp"
    ended = project.ran("\n".join([compare, update, check]))
    assert ended.returncode == 0, ended.stderr
    assert all((project.folder / name).is_file() for name in job["artifacts"]["reports"].values())
    assert all((project.folder / name).is_file() for name in job["artifacts"]["paths"])
    code, printed, _ = project.acted(**steps[-1]["with"])
    assert code == 0, printed
