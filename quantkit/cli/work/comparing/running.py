"""From models and data to a run.json, or to the plan of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from quantkit.cli.command import Result
from quantkit.cli.inputs import sources
from quantkit.cli.inputs.watched import within_memory
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.comparing import contest
from quantkit.cli.work.comparing.contest import Runs
from quantkit.cli.work.comparing.options import Compare
from quantkit.core import plugins, run, run_document
from quantkit.core.text import printable
from quantkit.data.checked import Checked


def compared(asked: Compare, terminal: Terminal) -> Result:
    """Runs all models on the same samples, and writes what came of it.

    Raises:
        QuantkitError: something cannot be read, does not fit, or is not there.
    """
    # Options that are required were seen to before.
    reference, data = cast(Path, asked.reference), cast(Path, asked.data)
    runs = contest.opened(asked, reference, terminal)
    source = _source(asked, data, runs, terminal)
    if asked.dry_run:
        return _planned(asked, runs, source)
    output, rows = asked.output, run.rows_beside(asked.output)
    with file_for_writing(output, inputs=[reference, *asked.candidates, data], force=asked.force, beside=rows):
        with terminal.progressing("comparing") as advance:
            found = within_memory(lambda data: runs.compared(data, advance), source, may_halve=runs.reading.may_halve)
        comparison = replace(found, command=terminal.command_line)
        run.save(comparison, output)
    table = plugins.load("quantkit.report", "table")(**terminal.table_options).render(comparison)
    return Result(
        f"{table.rstrip()}\n\nwritten {printable(str(output))} and {printable(str(rows))}",
        {"command": "compare", "output": str(output), "run": run_document.written(comparison)},
        (output, rows),
    )


def _source(asked: Compare, path: Path, runs: Runs, terminal: Terminal) -> Checked:
    """Where nobody says how images are prepared, the INT8 models know how it was done for them."""
    recorded = None if asked.reading.preprocess else sources.recorded_preprocessing(runs.models)
    found = sources.for_evaluation(path, runs.inputs, runs.reading, asked.selection, recorded=recorded)
    if recorded and "color" in found.preprocessing:
        terminal.note("note: images are prepared as they were for the calibration; --preprocess says otherwise")
    return found


def _planned(asked: Compare, runs: Runs, source: Checked) -> Result:
    names = list(asked.named)
    document = {
        "command": "compare",
        "dry_run": True,
        "output": str(asked.output),
        "inputs": [str(spec) for spec in runs.inputs],
        "candidates": names,
        "samples": source.size,
    }
    text = f"would compare {', '.join(map(printable, names))} with {printable(str(asked.reference))}"
    return Result(f"{text} on {source.size} samples and write {printable(str(asked.output))}", document)
