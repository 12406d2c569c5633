"""``quantkit doctor``: what this machine can do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import Group
from quantkit.cli.process.terminal import Terminal
from quantkit.core.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Doctor:
    """Show versions, engines, processor and GPU, and what keeps them from working together.

    ok: there and sound; --: not there, and nothing that everybody needs; !: works, but has a known security hole;
    !!: has to be repaired before quantkit can be trusted here. The exit code is 4 where anything is marked !!.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("", "--json")

    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, terminal: Terminal) -> Result:
        """Looks at everything; changes nothing."""
        from quantkit.cli.work.examination import examined

        findings = examined()
        sound = not any(finding.status == "problem" for finding in findings)
        green, red, plain = ("\x1b[32m", "\x1b[31m", "\x1b[0m") if terminal.colors_results else ("", "", "")
        marks = {"ok": f"{green}ok{plain} ", "absent": "-- ", "outdated": "!  ", "problem": f"{red}!!{plain} "}
        lines = []
        for finding in findings:
            lines.append(f"{marks[finding.status]} {finding.name:<20} {finding.value}")
            lines += [f"{'':25}{remedy}" for remedy in finding.remedies]
        document = {"command": "doctor", "findings": [asdict(finding) for finding in findings]}
        return Result("\n".join(lines), document, exit_code=ExitCode.OK if sound else ExitCode.ENVIRONMENT)


plugin: type[Command] = Doctor
