"""``quantkit diff``: what changed between two calibrations or two runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, cast

from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, a_file
from quantkit.cli.process.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Diff:
    """Show two calibrations tensor by tensor, or two runs figure by figure.

    Calibrations: the width of each range in both, and the ratio, largest change first. Runs: every metric of every
    model that both have, side by side.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("out/max.qcal.json out/entropy.qcal.json", "old/run.json run.json --json")

    before: Annotated[Path | None, a_file("a calibration or a run", "BEFORE", positional=True, required=True)] = None
    after: Annotated[Path | None, a_file("another of its kind", "AFTER", positional=True, required=True)] = None
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, _terminal: Terminal) -> Result:
        """Reads both and lists the differences; finding some is no failure."""
        from quantkit.cli import differences

        return differences.between(cast(Path, self.before), cast(Path, self.after))


plugin: type[Command] = Diff
