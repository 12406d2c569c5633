"""``quantkit report``: a run in a form to be read or posted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.core.text import printable

if TYPE_CHECKING:
    from quantkit.core.comparison import Comparison

_FORMS = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".json": "json"}


@dataclass(frozen=True, slots=True)
class Report:
    """Render a run.json without running any model.

    The form html also shows what quantkit calibrate left in the run's folder: statistics, ranges and the error of
    each layer, as far as they belong to the same models. Everything that came from a model, a file name or a label
    is escaped for the form it is rendered in.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "run.json",
        'run.json --to markdown >> "$GITHUB_STEP_SUMMARY"',
        "run.json --to markdown -o report.md",
        "run.json --to html -o report.html",
    )

    run_file: Annotated[
        Path | None,
        a_file("the run.json of a comparison", "RUN", positional=True, required=True),
    ] = None
    to: Annotated[
        str | None,
        Option(
            "the form (default: what the output's name ends in; table on standard output)",
            parse=values.plugin("quantkit.report"),
            metavar="table|markdown|html|json",
        ),
    ] = None
    output: Annotated[
        Path | None,
        a_file("the file to write (default: standard output)", "FILE", short="-o"),
    ] = None
    force: Annotated[bool, Option("replace the output", kind="switch")] = False
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Renders; writes, or hands back for standard output."""
        from quantkit.core import plugins, run
        from quantkit.core.files import write_whole

        path = cast(Path, self.run_file)
        comparison = run.load(path)
        form = self._form
        text = plugins.load("quantkit.report", form)(**self._options(terminal, comparison)).render(comparison)
        if self.output is None:
            return Result(text, {"command": "report", "to": form, "text": text})
        with file_for_writing(self.output, inputs=[path], force=self.force):
            write_whole(self.output, text.encode())
        return Result(
            f"written {printable(str(self.output))}",
            {"command": "report", "to": form, "output": str(self.output)},
            (self.output,),
        )

    @property
    def _form(self) -> str:
        """What was asked for, or what the output's name says."""
        suffix = self.output.suffix.lower() if self.output else ""
        return self.to or _FORMS.get(suffix, "table")

    def _options(self, terminal: Terminal, comparison: Comparison) -> Mapping[str, Any]:
        if self._form == "table" and self.output is None:
            return terminal.table_options
        if self._form == "html":
            from quantkit.cli.job import pages

            pages.require_drawing()
            return {"evidence": pages.beside(cast(Path, self.run_file), comparison)}
        return {}


plugin: type[Command] = Report
