"""From a model and its ranges to a sensitivity in a file, and its heatmap beside it."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from quantkit.cli.command import Result
from quantkit.cli.inputs import sources
from quantkit.cli.process.outputs import file_for_writing
from quantkit.cli.process.progress import duration
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.results import pages
from quantkit.cli.results.sensitivities import told
from quantkit.cli.work.sensing.options import Sense
from quantkit.core import sensitivity_file, statistics_file
from quantkit.core.calibration import Calibration
from quantkit.core.errors import UsageError
from quantkit.core.files import write_whole
from quantkit.core.sensitivity import Sensitivity
from quantkit.core.text import printable
from quantkit.data.checked import Checked
from quantkit.graph.model import Model
from quantkit.pipeline.collecting import Collecting, collect
from quantkit.pipeline.estimating import Estimate, estimated
from quantkit.pipeline.ranges import calibrate_ranges
from quantkit.pipeline.sensing import SAMPLES, Sensing, placement
from quantkit.pipeline.sensitivity import sensitivity
from quantkit.report._sensitivity_page import page as heatmap
from quantkit.report._sensitivity_text import counsel, left_undone

_GENEROUS = 1.25
"""A machine is not always as quick as it was."""


def measured(asked: Sense, terminal: Terminal, *, started: float) -> Result:
    """Measures every layer, in the time that there is, and writes what came of it.

    Args:
        asked: what to measure, and how.
        terminal: where progress is shown.
        started: when the time began to run, by `time.monotonic`.

    Raises:
        UsageError: options of which one would silently do nothing.
        SetupError: a page was asked for, and the library that draws is missing.
    """
    _refuse_contradictions(asked)
    model = asked.quantization.opened(cast(Path, asked.model))  # an option that is required was seen to before
    how = _how(asked)
    placement(model, how)
    source = _source(asked, model)
    if asked.dry_run:
        return _planned(asked, estimated(model, source, how=how))
    with _held(asked) as page:
        calibration = _calibration(asked, model, source, terminal)
        if asked.common.time_limit is not None:
            how = replace(how, limit_s=asked.common.time_limit - (time.monotonic() - started))
        with terminal.progressing("measuring layers") as advance:
            found = sensitivity(model, calibration, source, how=how, progress=advance)
        found = _continued(_remarked(found, asked), asked, terminal.command_line, whole_s=time.monotonic() - started)
        return _written(found, asked.output, page)


def _refuse_contradictions(asked: Sense) -> None:
    if asked.html is not None:
        pages.require_drawing()
    ranges = asked.ranges
    if ranges.calib is not None and (ranges.statistics or ranges.method):
        other = "--statistics" if ranges.statistics else "--method"
        title = f"{other} says nothing beside --calib, which has the ranges already"
        raise UsageError("QK1087", title, hints=["keep one"])


def _how(asked: Sense) -> Sensing:
    quantization, machine = asked.quantization, asked.machine
    how = Sensing(
        target=quantization.target,
        exclude=quantization.exclusion,
        metrics=asked.metric or (),
        samples=None,
        per_channel=quantization.per_channel,
        threads=machine.threads,
        device=machine.device,
        custom_ops=quantization.allow_custom_op_library,
    )
    return replace(how, stopwatch=None) if asked.no_latency else how


def _source(asked: Sense, model: Model) -> Checked:
    chosen = asked.selection
    if chosen.max_samples is None and chosen.sample_fraction is None:
        chosen = replace(chosen, max_samples=SAMPLES)
    return sources.for_evaluation(cast(Path, asked.data), model.inputs, asked.reading, chosen)


@contextmanager
def _held(asked: Sense) -> Iterator[Path | None]:
    """Holds the files that are to be written; yields the page's, where there is to be one."""
    given = [asked.model, asked.data, asked.ranges.calib, asked.ranges.statistics]
    inputs = [path for path in given if path is not None]
    with ExitStack() as stack:
        stack.enter_context(file_for_writing(asked.output, inputs=inputs, force=asked.force))
        page = asked.html or (asked.output.with_suffix(".html") if pages.can_draw() else None)
        if page is not None:
            stack.enter_context(file_for_writing(page, inputs=[*inputs, asked.output], force=asked.force))
        yield page


def _calibration(asked: Sense, model: Model, source: Checked, terminal: Terminal) -> Calibration:
    ranges = asked.ranges
    if ranges.calib is not None:
        return Calibration.load(ranges.calib)
    if ranges.statistics is not None:
        statistics = statistics_file.load(ranges.statistics)
    else:
        how = Collecting(
            threads=asked.machine.threads,
            device=asked.machine.device,
            custom_ops=asked.quantization.allow_custom_op_library,
            allow_few=True,
        )
        with terminal.progressing("calibrating") as advance:
            statistics = collect(model, source, how=how, progress=advance)
    symmetric = asked.quantization.target == "tensorrt"
    return calibrate_ranges(statistics, ranges.method or "entropy", symmetric=symmetric)


def _remarked(found: Sensitivity, asked: Sense) -> Sensitivity:
    notes = []
    if asked.ranges.calib is None and asked.ranges.statistics is None:
        notes.append("the ranges were chosen from the same samples; --calib takes those of a calibration")
    if asked.quantization.target != "ort-cpu":
        notes.append(f"ONNX Runtime ran everything: accuracy for {found.target}, but not its speed")
    return replace(found, notes=(*notes, *found.notes))


def _continued(found: Sensitivity, asked: Sense, command_line: str, *, whole_s: float) -> Sensitivity:
    """With the command that measures everything, where there was no time for it; all of this took `whole_s`."""
    extent = found.extent
    if extent is None or not extent.is_cut_short or not command_line:
        return found
    limit = None if extent.whole_s is None else whole_s - extent.seconds + extent.whole_s
    again = with_time(command_line, limit)
    return replace(found, extent=replace(extent, limit_s=asked.common.time_limit, go_on=again))


def with_time(command_line: str, needed_s: float | None) -> str:
    """The same command with a limit that leaves time for everything, or with none where that is not known.

    >>> with_time("quantkit sensitivity m.onnx --time-limit 9s --data 'a b'", 100.0)
    "quantkit sensitivity m.onnx --data 'a b' --force --time-limit 3m"
    """
    kept: list[str] = []
    words = iter(shlex.split(command_line))
    for word in words:
        name, _, value = word.replace("_", "-").partition("=")
        if name == "--time-limit":
            # Its value stands behind the equals sign, or else is the next word.
            if not value:
                next(words, None)
        elif word != "--force":
            kept.append(word)
    limit = [] if needed_s is None else ["--time-limit", f"{math.ceil(_GENEROUS * needed_s / 60)}m"]
    return shlex.join([*kept, "--force", *limit])


def _planned(asked: Sense, found: Estimate) -> Result:
    document = {
        "command": "sensitivity",
        "dry_run": True,
        "output": str(asked.output),
        "target": asked.quantization.target,
        "layers": found.layers,
        "runs": found.subsets,
        "samples": found.samples,
        "seconds": found.seconds,
    }
    took = "" if found.seconds is None else f", which takes about {duration(found.seconds)}"
    text = (
        f"would measure {found.layers} layers in {found.subsets} variants of the network on {found.samples} samples, "
        f"compare the best of them with FP32, and write {printable(str(asked.output))}{took}"
    )
    return Result(text, document)


def _written(found: Sensitivity, output: Path, page: Path | None) -> Result:
    sensitivity_file.save(found, output)
    written = [output]
    if page is not None:
        write_whole(page, heatmap(found).encode())
        written.append(page)
    shown = ", ".join(printable(str(path)) for path in written)
    to_do = counsel(found)
    document = {
        "command": "sensitivity",
        "output": str(output),
        "files": [str(path) for path in written],
        "left_undone": list(left_undone(found)),
        "what_to_do": None if to_do is None else to_do._asdict(),
        "sensitivity": sensitivity_file.document(found),
    }
    return Result(f"{told(found)}\n\nwritten {shown}", document, tuple(written))
