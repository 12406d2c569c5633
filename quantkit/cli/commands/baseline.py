"""``quantkit baseline``: what INT8 scored when somebody last agreed to it, kept in version control."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.options import values
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group, Option, a_file
from quantkit.cli.options.gate import GateOptions
from quantkit.cli.options.outputs import refuse_other_name
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.results.columns import aligned
from quantkit.core.errors import ArtifactError, UsageError
from quantkit.core.text import printable

if TYPE_CHECKING:
    from quantkit.gate.baseline import Baseline

# Where CI systems say which commit they are at.
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")


@dataclass(frozen=True, slots=True)
class BaselineCommand:
    """Show a baseline, replace it by a run with a reason, or verify that it is whole and fits a run.

    The file holds each model's figures, its outcome on every sample, so that later runs are compared sample by
    sample, and the tolerances: weakening a gate is seen in a review. It is written only from a run that passes.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "show",
        'update run.json --reason "first baseline" --min-ratio top1=0.99',
        "verify run.json",
    )

    action: Annotated[
        str | None,
        Option(
            "show: list what the file holds; update: take RUN's models over; verify: read everything, check hashes "
            "and figures against outcomes and, with RUN, data set and models",
            parse=values.one_of("show", "update", "verify"),
            metavar="show|update|verify",
            positional=True,
            required=True,
        ),
    ] = None
    run_file: Annotated[Path | None, a_file("the run.json of a comparison", "RUN", positional=True)] = None
    baseline: Annotated[Path, a_file("the baseline", "FILE")] = Path("quantkit.baseline.json")
    reason: Annotated[str, Option("update: why; stands in the file", metavar="TEXT", typed_only=True)] = ""
    new_dataset: Annotated[
        bool, Option("update: other samples than before are meant", kind="switch", typed_only=True)
    ] = False
    force: Annotated[
        bool, Option("update: a run that is not shown to pass is meant", kind="switch", typed_only=True)
    ] = False
    gate: Annotated[GateOptions, Group("limits")] = field(default_factory=GateOptions)
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Does what the action says."""
        if self.action == "update":
            return self._update(terminal)
        from quantkit.gate import baseline_file

        found = baseline_file.load(self.baseline)
        return self._shown(found) if self.action == "show" else self._verified(found)

    def _update(self, terminal: Terminal) -> Result:
        from quantkit.core import run
        from quantkit.gate import baseline_file
        from quantkit.gate.judging import judge
        from quantkit.gate.updating import Change, updated

        path = self._required_run()
        refuse_other_name("--baseline", self.baseline, "JSON", ".json")
        before = baseline_file.load(self.baseline) if self.baseline.exists() else None
        rules = self.gate.rules
        if before is not None:
            rules = replace(rules, tolerances={**before.tolerances, **rules.tolerances})
        change = Change(
            reason=self.reason,
            updated=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            commit=next(filter(None, map(terminal.variables.get, _COMMITS)), ""),
            new_dataset=self.new_dataset,
            force=self.force,
        )
        fresh = updated(judge(run.load(path), rules), rules, before, change)
        beside = baseline_file.beside(self.baseline)
        with file_for_writing(self.baseline, inputs=[path], force=True, beside=beside):
            written = tuple(artifact.path for artifact in baseline_file.save(fresh, self.baseline))
        listed = "\n".join(f"written {printable(str(file))}" for file in written)
        return Result(f"{_told(fresh)}\n{listed}", self._document(fresh), written)

    def _required_run(self) -> Path:
        if self.run_file is None:
            title, hints = "update needs the run to take over", ["quantkit baseline update run.json --reason TEXT"]
            raise UsageError("QK6016", title, hints=hints)
        return self.run_file

    def _shown(self, found: Baseline) -> Result:
        return Result(_told(found), self._document(found))

    def _verified(self, found: Baseline) -> Result:
        from quantkit.core import run
        from quantkit.gate.baseline import target
        from quantkit.gate.consistency import refuse_other_data

        lines = [f"{printable(str(self.baseline))} is whole: {len(found.records)} checks"]
        if self.run_file is not None:
            comparison = run.load(self.run_file)
            try:
                refuse_other_data(found, comparison)
            except ArtifactError as refusal:
                raise refusal.located(str(self.run_file)) from refusal.__cause__
            starts = {f"{outcome.subject.name}/{target(outcome)}/" for outcome in comparison.candidates}
            lacking = sorted(start for start in starts if not any(key.startswith(start) for key in found.records))
            lines.append("and of the data set of the run")
            lines += [f"it has nothing of {printable(start)[:-1]}" for start in lacking]
        return Result("\n".join(lines), self._document(found))

    def _document(self, found: Baseline) -> dict[str, object]:
        return {
            "command": "baseline",
            "action": self.action,
            "baseline": str(self.baseline),
            "updated": found.updated,
            "reason": found.reason,
            "samples": found.dataset.samples,
            "checks": {key: {"fp32": record.fp32, "int8": record.int8} for key, record in found.records.items()},
            "latency": {
                key: {"fp32_p50_ms": timing.fp32.p50_ms, "int8_p50_ms": timing.int8.p50_ms}
                for key, timing in found.timings.items()
            },
            "tolerance": {metric: str(tolerance) for metric, tolerance in found.tolerances.items()},
        }


def _told(found: Baseline) -> str:
    rows = [
        *([key, f"{record.fp32:.5g}", f"{record.int8:.5g}"] for key, record in sorted(found.records.items())),
        *(
            [f"{key}/latency p50", f"{timing.fp32.p50_ms:.5g} ms", f"{timing.int8.p50_ms:.5g} ms"]
            for key, timing in sorted(found.timings.items())
        ),
    ]
    return "\n".join(
        [
            f"of {printable(found.updated)}: {printable(found.reason)}",
            f"{found.dataset.samples} samples: {printable(found.dataset.span)}",
            *aligned([["check", "FP32", "INT8"], *rows], right=(1, 2)),
            *(f"{printable(metric)}: {tolerance}" for metric, tolerance in found.tolerances.items()),
        ]
    )


plugin: type[Command] = BaselineCommand
