"""The whole job from command line to result; whatever stops it, it can be taken up again."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from quantkit.cli.command import Result
from quantkit.cli.options.common import SHOWING
from quantkit.cli.options.fields import assembled, declared
from quantkit.cli.process import watchdog
from quantkit.cli.process.memory import shortage_told
from quantkit.cli.process.outputs import file_for_writing, folder_for_writing
from quantkit.cli.process.stopping import Stopped
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.results import pages
from quantkit.cli.settings import Given, refuse_missing, values
from quantkit.cli.work.job import journal, plan
from quantkit.cli.work.job.account import Account
from quantkit.cli.work.job.contradictions import refuse_contradictions
from quantkit.cli.work.job.destination import STATISTICS, preferred
from quantkit.cli.work.job.journal import Journal
from quantkit.cli.work.job.opening import inputs, opened
from quantkit.cli.work.job.options import Calibrate
from quantkit.cli.work.job.stages import NO_EVALUATION, Stages
from quantkit.core import statistics_file
from quantkit.core.errors import ExitCode, QuantkitError, SetupError, UsageError
from quantkit.core.files import digest_of
from quantkit.core.statistics import Statistics

_log = logging.getLogger(__name__)


def started(asked: Calibrate, terminal: Terminal) -> Result:
    """A new run."""
    refuse_contradictions(asked)
    if asked.running.html:
        pages.require_drawing()
    stages = opened(asked, terminal)
    if asked.running.dry_run:
        return plan.of(stages)
    output = stages.destination.file or stages.folder
    asked_for = {**_recorded(asked), "output": (str(output.absolute()),)}
    record = Journal(journal.journal_path(stages.folder), asked_for, inputs(stages), command=terminal.command_line)
    if asked.eval is None and stages.evaluation is not None and asked.running.until is None:
        _log.warning("%s", NO_EVALUATION)
    unfinished = _resume_command(stages, record) if record.path.exists() else None
    with _outputs(stages, force=asked.running.force, unfinished=unfinished):
        record.begin()
        _log.info("journal: %s", record.path)
        return _Run(stages, record).finished()


def resumed(asked: Calibrate, terminal: Terminal) -> Result:
    """The rest of a run that was interrupted, with the options it had.

    Raises:
        ArtifactError: the journal is damaged, or what the run depends on has changed since.
    """
    path = cast(Path, asked.resume)
    record = journal.read(path)
    options = [option for option in declared(Calibrate) if not option.typed_only]
    given = {option.name: Given(tuple(record.asked.get(option.name, ())), str(path)) for option in options}
    try:
        refuse_missing(options, given, usage="")
    except UsageError as refusal:
        raise journal.refused(path, refusal.title) from refusal
    known = [option for option in options if given[option.name].texts]
    before: Calibrate = assembled(Calibrate, {**values(known, given), "given": given})
    # Code is loaded on the word of whoever types, never on that of a file.
    libraries = asked.quantization.allow_custom_op_library
    before = replace(before, quantization=replace(before.quantization, allow_custom_op_library=libraries))
    stages = opened(before, terminal)
    record.require(inputs(stages))
    with _outputs(stages, force=True):
        return _Run(stages, record).finished()


def _recorded(asked: Calibrate) -> dict[str, tuple[str, ...]]:
    """Every option that was given, as it would be typed, so that it means the same from any folder."""
    here = Path.cwd()
    return {
        option.name: tuple(option.located(text, here) for text in asked.given[option.name].texts)
        for option in declared(Calibrate)
        if not option.typed_only and option.name not in SHOWING and asked.given[option.name].texts
    }


def _resume_command(stages: Stages, record: Journal) -> str:
    libraries = stages.asked.quantization.allow_custom_op_library
    words = [record.path, *(word for library in libraries for word in ("--allow-custom-op-library", library))]
    return f"{stages.terminal.prog} --resume {shlex.join(map(str, words))}"


@contextmanager
def _outputs(stages: Stages, *, force: bool, unfinished: str | None = None) -> Iterator[None]:
    """Holds the folder, and the file beside it where there is one."""
    asked, file = stages.asked, stages.destination.file
    needed = stages.model.size_bytes * len(asked.thresholds.method) * (2 if stages.engines else 1)
    read = [path for path in (asked.model, asked.data, asked.eval, asked.statistics) if path is not None]
    with ExitStack() as stack:
        if file is not None:
            stack.enter_context(file_for_writing(file, inputs=read, force=force or unfinished is not None))
        stack.enter_context(
            folder_for_writing(stages.folder, inputs=read, force=force, needed_bytes=needed, unfinished=unfinished)
        )
        yield


@dataclass(frozen=True, slots=True)
class _Run:
    """Stages under way, with the journal that lets another process go on."""

    stages: Stages
    record: Journal

    def finished(self) -> Result:
        """Runs every stage that was asked for; the journal goes when they are done."""
        with self._resumable():
            made = self._made()
        self.record.forget()
        for remark in made.untold(self.stages.terminal):
            _log.warning("%s", remark)
        return made.told(self.stages.terminal, self.stages.folder)

    def _made(self) -> Account:
        stages, until = self.stages, self.stages.asked.running.until
        _log.info("%s: %d nodes become INT8, %d stay", *stages.summary)
        made = Account(self._statistics(), [stages.statistics_path], command=self.record.command)
        self._put_aside(made)
        if until == "statistics":
            return made
        made.calibrations = stages.calibrations(made.statistics)
        made.written += [stages.calibration_path(rule) for rule in made.calibrations]
        self._put_aside(made)
        if until == "thresholds":
            return made
        models = stages.models(made.calibrations)
        made.written += [model.path for model in models.values()]
        if until == "model" or stages.evaluation is None:
            return made
        made.comparison = stages.compared(models, stages.evaluation, made)
        made.written += stages.engines.written if stages.engines else []
        made.written += stages.reported(made.comparison, models, stages.evaluation, made)
        return made

    def _put_aside(self, made: Account) -> None:
        """The one result that was asked for as a file, as soon as it is there."""
        file, kind = self.stages.destination.file, self.stages.destination.kind
        if file is None or (kind == STATISTICS) == bool(made.calibrations):
            return
        if kind == STATISTICS:
            statistics_file.save(made.statistics, file)
        else:
            made.chosen = preferred(list(made.calibrations))
            made.calibrations[made.chosen].save(file)
        made.written.insert(0, file)

    def _statistics(self) -> Statistics:
        path = self.stages.statistics_path
        done = self.record.steps.get("statistics")
        if done and path.exists() and digest_of(path) == done.get("sha256"):
            _log.info("the statistics are there already: %s", path)
            return statistics_file.load(path)
        statistics = self.stages.collected(self.record.checkpoint)
        self.record.record("statistics", {"sha256": statistics_file.save(statistics, path)})
        return statistics

    @contextmanager
    def _resumable(self) -> Iterator[None]:
        """Whoever or whatever stops the run is answered with the command that takes it up."""
        command = _resume_command(self.stages, self.record)
        watchdog.resumable(command)
        try:
            with shortage_told():
                yield
        except KeyboardInterrupt as stop:
            told = stop if isinstance(stop, Stopped) else Stopped(ExitCode.INTERRUPTED)
            raise Stopped(told.exit_code, resume=command, cause=told.cause) from stop
        except QuantkitError as refusal:
            refusal.hints = (*refusal.hints, *self._ways_on(refusal, command))
            raise
        except BaseException:
            if not self.record.has_progressed:
                self.record.forget()
            raise

    def _ways_on(self, refusal: QuantkitError, command: str) -> list[str]:
        """What is left of a refused run; its journal goes where nobody could take it up."""
        if isinstance(refusal, SetupError) and self.record.has_progressed:
            return [f"then go on where it stopped: {command}"]
        # Other refusals would come again with the same options, and a journal would be in the way of better ones.
        self.record.forget()
        kept = self.stages.statistics_path
        if self.stages.asked.data is None or not kept.exists():
            return []
        return [f"what was collected is kept: --statistics {kept} --force, without --data, goes on from there"]
