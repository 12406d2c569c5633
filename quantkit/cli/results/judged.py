"""From a judged run to every file that was asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quantkit.cli.options.reports import EvidenceOptions, Reports
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.results.layers import layers_beside
from quantkit.core.errors import UsageError
from quantkit.core.evidence import Evidence
from quantkit.core.files import append, write_whole
from quantkit.core.verdict import Judgement
from quantkit.pipeline.rendering import render

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file that all steps of a GitHub job add their summaries to."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A run and the verdicts on it, ready to be shown in any form.

    Args:
        run: where the run lies.
        judgement: the verdicts.
        shown: what a page shows besides.
    """

    run: Path
    judgement: Judgement
    shown: EvidenceOptions = field(default_factory=EvidenceOptions)

    def rendered(self, form: str) -> str:
        """The whole text of one form.

        Raises:
            SetupError: the library that draws is missing.
            ArtifactError: a file that a page was to show belongs to another run.
        """
        return render(self.judgement, form, evidence=self._evidence(form), root=Path.cwd())

    def _evidence(self, form: str) -> Evidence | None:
        """What the form shows besides the run."""
        if form == "markdown":
            return Evidence(layers=layers_beside(self.run, self.judgement.comparison))
        if form != "html":
            return None
        # What finds and draws takes a second to import, which a command that writes no page does not spend.
        from quantkit.cli.results import pages

        pages.require_drawing()
        return pages.behind(self.run, self.judgement, self.shown)

    def written(self, reports: Reports, inputs: Sequence[Path]) -> tuple[Path, ...]:
        """Writes every file that is asked for.

        Raises:
            UsageError: two forms were to go into one file, or one into an input.
            SetupError: a file cannot be written.
        """
        asked = reports.asked
        _refuse_shared(asked.values())
        # All are rendered before the first is written: what cannot be shown leaves none of them behind.
        texts = {form: self.rendered(form) for form in asked}
        for form, path in asked.items():
            with file_for_writing(path, inputs=inputs, force=True):
                if form == "markdown" and _is_summary(path):
                    append(path, texts[form].encode())
                else:
                    write_whole(path, texts[form].encode())
        return tuple(asked.values())


def _refuse_shared(paths: Iterable[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            title = f"two reports are to be written to {path}"
            raise UsageError("QK1090", title, where=str(path), hints=["give each form a file of its own"])
        seen.add(path.resolve())


def _is_summary(path: Path) -> bool:
    """Whether it is the job summary, to which other steps write as well."""
    named = os.environ.get(SUMMARY, "")
    return named != "" and Path(named).resolve() == path.resolve()
