"""``quantkit diff``: what changed between two runs, two calibrations or two models."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.process.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Diff:
    """Show two runs figure by figure, two calibrations tensor by tensor, or two models.

    Runs: every metric of every model in both, on the samples that both have, with the paired 95 % interval of the
    change and the samples that flipped; latency, size and nodes in INT8. Calibrations: each range that changed and
    how many times as wide it is, largest change first. Models: inputs and outputs, operators, and the
    constants that changed.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "old/run.json run.json --md",
        "out/max.qcal.json out/entropy.qcal.json",
        "old/model.int8.onnx model.int8.onnx --json",
    )

    before: Annotated[
        Path | None, a_file("a run, a calibration or a model", "BEFORE", positional=True, required=True)
    ] = None
    after: Annotated[Path | None, a_file("another of its kind", "AFTER", positional=True, required=True)] = None
    md: Annotated[bool, Option("Markdown, for a pull request", kind="switch")] = False
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, _terminal: Terminal) -> Result:
        """Reads both and lists the differences; finding some is no failure."""
        from quantkit.cli.work.differences import files

        return files.between(cast(Path, self.before), cast(Path, self.after), markdown=self.md)


plugin: type[Command] = Diff
