"""``quantkit merge``: one set of statistics from those of several shards."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.options.common import Common
from quantkit.cli.options.fields import FORCE, Group, a_file, an_output
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.core.text import printable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Merge:
    """Add up statistics that were collected in shards.

    The result is the same, bit for bit, as that of one pass over all the data, in whatever order the parts are
    given. Parts of another model or preprocessing, and parts that counted a sample twice, are refused; shards that are
    missing are told.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = ("part*/statistics.safetensors -o all.safetensors",)

    parts: Annotated[
        tuple[Path, ...],
        a_file("statistics files", "PART", kind="many", positional=True, required=True),
    ] = ()
    output: Annotated[Path, an_output("the file to write", "a file of statistics", ".safetensors", short="-o")] = Path(
        "statistics.safetensors"
    )
    force: Annotated[bool, FORCE] = False
    common: Annotated[Common, Group("common options")] = field(default_factory=Common)

    def run(self, _terminal: Terminal) -> Result:
        """Reads, adds, writes."""
        from quantkit.core import statistics_file
        from quantkit.core.statistics import incomplete, merged

        with file_for_writing(self.output, inputs=self.parts, force=self.force):
            whole = merged(statistics_file.load(part) for part in self.parts)
            digest = statistics_file.save(whole, self.output)
        if whole.absent:
            _log.warning("%s", incomplete(whole.absent))
        counts = {"parts": len(self.parts), "samples": len(whole.samples), "tensors": len(whole.histograms)}
        return Result(
            f"{counts['samples']} samples, {counts['tensors']} tensors from {counts['parts']} parts\n"
            f"written {printable(str(self.output))}",
            {
                "command": "merge",
                **counts,
                "missing_parts": list(whole.absent),
                "output": str(self.output),
                "sha256": digest,
            },
            (self.output,),
        )


plugin: type[Command] = Merge
