"""``quantkit report``: a run in forms to be read, posted or read by CI systems."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import FORCE, Group, Option, a_file
from quantkit.cli.options.gate import BASELINE, GateOptions
from quantkit.cli.options.outputs import refuse_other_name
from quantkit.cli.options.reports import RUN, EvidenceOptions, Reports
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import UsageError
from quantkit.core.text import printable

if TYPE_CHECKING:
    from quantkit.cli.results.judged import Judged

_FORMS = {
    ".txt": "table",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".sarif": "sarif",
}

_WORDS = {"table": "a table", "markdown": "Markdown", "html": "HTML", "json": "JSON", "sarif": "SARIF"}

# Forms that hold the figures alone; all others begin with the verdict.
_UNJUDGED = ("table", "json")


# Forms that are only written to files of their own, by an option each.
_BESIDE = ("junit", "openmetrics", "annotations")


def _one_form(text: str) -> str:
    """A form to be shown, or to be the one output."""
    if text in _BESIDE:
        raise values.BadValueError("is not known", f"--{text} FILE writes it")
    return values.plugin("quantkit.report")(text)


@dataclass(frozen=True, slots=True)
class Report:
    """Render a run.json without running any model, in one form or in several at once.

    HTML, Markdown, JUnit and OpenMetrics begin with the verdict that quantkit check would give, by the limits below;
    where it gives none, as without labels, they say why. Whatever the verdict is, the exit code is 0.

    A page of HTML also shows what quantkit calibrate left in the run's folder: statistics, ranges and the error of
    each layer, as far as they belong to the same models. Everything that came from a model, a file name or a label
    is escaped for the form it is rendered in.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "run.json",
        'run.json --html report.html --junit junit.xml --md "$GITHUB_STEP_SUMMARY"',
        "run.json --sarif findings.sarif --openmetrics metrics.txt --max-drop top1=1pp",
        "run.json --html report.html --reference model.onnx --data val/",
        "run.json --to markdown -o report.md",
    )

    run_file: Annotated[Path | None, RUN] = None
    to: Annotated[
        str | None,
        Option(
            "the form (default: what the output's name ends in; table on standard output)",
            parse=_one_form,
            metavar="table|markdown|html|json|sarif",
        ),
    ] = None
    output: Annotated[
        Path | None,
        a_file("the file to write (default: standard output)", "FILE", short="-o"),
    ] = None
    force: Annotated[bool, FORCE] = False
    baseline: Annotated[Path | None, BASELINE] = None
    reports: Annotated[Reports, Group("reports, several at once; files that are there are replaced")] = field(
        default_factory=Reports
    )
    shown: Annotated[EvidenceOptions, Group("what HTML shows besides the run")] = field(default_factory=EvidenceOptions)
    gate: Annotated[GateOptions, Group("limits")] = field(default_factory=GateOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Renders; writes, or hands back for standard output."""
        self._refuse_idle()
        judged = self._judged()
        written = judged.written(self.reports, self._inputs)
        text = None
        if self._form is not None:
            text = self._rendered(judged, terminal)
            if self.output is not None:
                written += (self._kept(self.output, text),)
                text = None
        told = [f"written {', '.join(printable(str(path)) for path in written)}"] if written else []
        document = {
            "command": "report",
            "to": self._form,
            "text": text,
            "output": None if self.output is None else str(self.output),
            "files": [str(path) for path in written],
        }
        return Result("\n".join([*filter(None, [text]), *told]), document, written)

    def _refuse_idle(self) -> None:
        """Refuses options that would silently do nothing."""
        draws = self._form == "html" or self.reports.html is not None
        if self.shown.named and not draws:
            title = f"{self.shown.named[0]} is shown by HTML alone, and none is written"
            raise UsageError("QK1087", title, hints=["add --html FILE"])
        limited = self.baseline is not None or self.gate != GateOptions()
        if limited and not self.reports.asked and self._form in _UNJUDGED:
            title = f"limits say nothing to the form {self._form}, which holds the figures alone"
            raise UsageError("QK1087", title, hints=["quantkit check shows the verdict", "or add --md FILE"])
        if self.to is not None and self.output is not None:
            ends = [end for end, form in _FORMS.items() if form == self.to]
            refuse_other_name("--output", self.output, _WORDS[self.to], *ends, *[".json"] * (self.to == "sarif"))
        if self.shown.no_thumbnails and self.shown.data is not None:
            title = "--data is read for pictures, and --no-thumbnails wants none"
            raise UsageError("QK1087", title, hints=["leave one of them out"])

    def _judged(self) -> Judged:
        from quantkit.cli.results.judged import Judged
        from quantkit.core import run
        from quantkit.core.verdict import Judgement
        from quantkit.gate import baseline_file
        from quantkit.pipeline.evidence import judged

        path = cast(Path, self.run_file)
        comparison = run.load(path)
        if not self.reports.asked and self._form in _UNJUDGED:
            return Judged(path, Judgement(comparison, ()), self.shown)
        baseline = None if self.baseline is None else baseline_file.load(self.baseline)
        return Judged(path, judged(comparison, self.gate.rules, baseline), self.shown)

    @property
    def _inputs(self) -> list[Path]:
        baseline = [self.baseline] if self.baseline else []
        return [cast(Path, self.run_file), *baseline, *self.shown.named]

    @property
    def _form(self) -> str | None:
        """What was asked for, what the output's name says, or a table where no file of another form was asked for."""
        if self.to is not None:
            return self.to
        if self.output is None:
            return None if self.reports.asked else "table"
        suffix = self.output.suffix.lower()
        if suffix not in _FORMS:
            known = "a name that ends in .txt, .md, .html, .json or .sarif, or --to FORM"
            hints = [known, "--junit, --openmetrics and --annotations name files of their own"]
            raise UsageError("QK1091", f"the name {self.output.name!r} does not tell which form to write", hints=hints)
        return _FORMS[suffix]

    def _rendered(self, judged: Judged, terminal: Terminal) -> str:
        from quantkit.core import plugins

        form = cast(str, self._form)
        if form not in _UNJUDGED:
            return judged.rendered(form)
        options = terminal.table_options if form == "table" and self.output is None else {}
        text: str = plugins.load("quantkit.report", form)(**options).render(judged.judgement.comparison)
        return text

    def _kept(self, output: Path, text: str) -> Path:
        from quantkit.core.files import write_whole

        with file_for_writing(output, inputs=self._inputs, force=self.force):
            write_whole(output, text.encode())
        return output


plugin: type[Command] = Report
