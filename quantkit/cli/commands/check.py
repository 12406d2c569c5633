"""``quantkit check``: a verdict on a run, and an exit code for CI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.options.gate import GateOptions
from quantkit.cli.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import ExitCode, QuantkitError

if TYPE_CHECKING:
    from quantkit.core.verdict import Judgement

_FORGIVEN = (ExitCode.GATE_FAILED, ExitCode.TOO_LITTLE)


@dataclass(frozen=True, slots=True)
class Reports:
    """Files for the CI system; what they replace needs no permission, as they are made from the run each time."""

    junit: Annotated[Path | None, a_file("write JUnit XML, a testcase for each check", "FILE")] = None
    md: Annotated[Path | None, a_file("write Markdown, such as to $GITHUB_STEP_SUMMARY", "FILE")] = None
    openmetrics: Annotated[Path | None, a_file("write OpenMetrics text", "FILE")] = None
    annotations: Annotated[Path | None, a_file("write GitHub annotations, to be printed in the job", "FILE")] = None

    def asked(self) -> Iterator[tuple[str, Path]]:
        """Renderer and file."""
        named = {
            "junit": self.junit,
            "markdown": self.md,
            "openmetrics": self.openmetrics,
            "annotations": self.annotations,
        }
        yield from ((name, path) for name, path in named.items() if path is not None)


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

    run_file: Annotated[Path | None, a_file("the run.json of a comparison", "RUN", positional=True, required=True)] = (
        None
    )
    baseline: Annotated[Path | None, a_file("what INT8 was before: quantkit.baseline.json", "FILE")] = None
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
        return replace(result, exit_code=ExitCode.OK) if self.exit_zero else result

    def _judged(self, terminal: Terminal) -> Result:
        from quantkit.core import plugins, run
        from quantkit.gate import baseline_file, document
        from quantkit.gate.judging import exit_code, judge

        rules = replace(self.gate.rules, allow_cross_env=self.allow_cross_env)
        path = cast(Path, self.run_file)
        baseline = None if self.baseline is None else baseline_file.load(self.baseline)
        judgement = judge(run.load(path), rules, baseline)
        written = self._written(judgement, [path, *([self.baseline] if self.baseline else [])])
        text = plugins.load("quantkit.gate.renderers", "table")(**terminal.table_options).render(judgement)
        strict = "inconclusive" if self.require == "proven" and self.fail_on == "regression" else self.fail_on
        code = exit_code(judgement, strict)
        facts = {"command": "check", "exit_code": int(code), **document.written(judgement)}
        return Result(text, facts, written, code)

    def _written(self, judgement: Judgement, inputs: list[Path]) -> tuple[Path, ...]:
        from quantkit.core import plugins
        from quantkit.core.files import write_whole

        for name, path in self.reports.asked():
            text = plugins.load("quantkit.gate.renderers", name)().render(judgement)
            with file_for_writing(path, inputs=inputs, force=True):
                write_whole(path, text.encode())
        return tuple(path for _, path in self.reports.asked())


plugin: type[Command] = Check
