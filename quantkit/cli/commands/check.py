"""``quantkit check``: a verdict on a run, and an exit code for CI."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option
from quantkit.cli.options.gate import BASELINE, GateOptions
from quantkit.cli.options.reports import RUN, Reports
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import ExitCode, QuantkitError

# How GitHub and GitLab say that a job runs beside those of others.
_SHARED = {"RUNNER_ENVIRONMENT": "github-hosted", "CI_SHARED_ENVIRONMENT": "true"}
_FORGIVEN = (ExitCode.GATE_FAILED, ExitCode.TOO_LITTLE)


@dataclass(frozen=True, slots=True)
class Check:
    """Judge a run.json: against FP32 in the same run and, with --baseline, against what INT8 was before.

    No model is run. FAIL means that a loss beyond the limit is shown, PASS that a loss within it is shown, and
    INCONCLUSIVE that the samples are too few for either; the verdict says how many would do. The exit code is 1 for
    FAIL and 5 where nothing was evaluated or quantized; an open question ends with 5 only if that is asked for.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "run.json --min-ratio top1=0.99",
        "run.json --baseline quantkit.baseline.json --max-drop top1=1pp --junit junit.xml",
        "run.json --require proven --min-int8-share 90% --max-latency-regression p50:5%",
    )

    run_file: Annotated[Path | None, RUN] = None
    baseline: Annotated[Path | None, BASELINE] = None
    allow_cross_env: Annotated[
        bool, Option("let a baseline from another machine or runtime count in full", kind="switch")
    ] = False
    require: Annotated[
        str,
        Option(
            "not-worse: no regression is shown; proven: every check passes, or the exit code is 5",
            parse=values.one_of("not-worse", "proven"),
            metavar="not-worse|proven",
        ),
    ] = "not-worse"
    fail_on: Annotated[
        str,
        Option(
            "inconclusive: the same as --require proven; warning: also 1 for warnings",
            parse=values.one_of("regression", "inconclusive", "warning"),
            metavar="regression|inconclusive|warning",
        ),
    ] = "regression"
    exit_zero: Annotated[bool, Option("0 instead of exit codes 1 and 5", kind="switch")] = False
    gate: Annotated[GateOptions, Group("limits")] = field(default_factory=GateOptions)
    reports: Annotated[Reports, Group("reports")] = field(default_factory=Reports)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Judges, writes the reports, shows."""
        try:
            result = self._judged(terminal)
        except QuantkitError as refusal:
            if not (self.exit_zero and refusal.exit_code in _FORGIVEN):
                raise
            error = {"code": refusal.code, "title": refusal.title, "exit_code": int(refusal.exit_code)}
            return Result(str(refusal), {"command": "check", "verdict": None, "error": error})
        if not self.exit_zero:
            return result
        return replace(result, exit_code=ExitCode.OK, document={**result.document, "exit_code": 0})

    def _judged(self, terminal: Terminal) -> Result:
        from quantkit.cli.results.judged import Judged
        from quantkit.core import plugins, run
        from quantkit.gate import baseline_file, document
        from quantkit.gate.judging import exit_code, judge

        shared = any(terminal.variables.get(name) == value for name, value in _SHARED.items())
        rules = replace(self.gate.rules, allow_cross_env=self.allow_cross_env, shared_machine=shared)
        path = cast(Path, self.run_file)
        baseline = None if self.baseline is None else baseline_file.load(self.baseline)
        judgement = judge(run.load(path), rules, baseline)
        inputs = [path, *([self.baseline] if self.baseline else [])]
        written = Judged(path, judgement).written(self.reports, inputs)
        table = plugins.load("quantkit.gate.renderers", "table")
        shown = {**terminal.table_options, "figures": self.common.verbose > 0, "run": shlex.quote(str(path))}
        text = table(**shown).render(judgement)
        strict = "inconclusive" if self.require == "proven" and self.fail_on == "regression" else self.fail_on
        code = exit_code(judgement, strict)
        facts = {"command": "check", "exit_code": int(code), **document.written(judgement)}
        return Result(text, facts, written, code)


plugin: type[Command] = Check
