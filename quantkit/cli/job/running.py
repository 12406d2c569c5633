"""The whole job from command line to result; whatever stops it, it can be taken up again."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from quantkit._version import __version__
from quantkit.cli import sources
from quantkit.cli.command import Result
from quantkit.cli.commands.calibrate import Calibrate
from quantkit.cli.job import journal, pages, plan
from quantkit.cli.job.account import Account
from quantkit.cli.job.engine_stages import EngineStages
from quantkit.cli.job.journal import Journal
from quantkit.cli.job.stages import NO_EVALUATION, Stages
from quantkit.cli.options.common import SHOWING
from quantkit.cli.options.fields import assembled, declared
from quantkit.cli.options.values import toml_file
from quantkit.cli.outputs import folder_for_writing
from quantkit.cli.process.stopping import Stopped
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.settings import DEFAULT, Given, values
from quantkit.cli.watched import Unlabelled
from quantkit.core import statistics_file
from quantkit.core.errors import ExitCode, QuantkitError, SetupError, UsageError
from quantkit.core.files import digest_of
from quantkit.core.statistics import Statistics
from quantkit.data.checked import Checked
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.pipeline.collecting import TARGETS
from quantkit.pipeline.ranges import refuse_unmatched

_log = logging.getLogger(__name__)


def started(asked: Calibrate, terminal: Terminal) -> Result:
    """A new run."""
    _refuse_contradictions(asked)
    if asked.running.html:
        pages.require_drawing()
    stages = _opened(asked, terminal)
    if asked.running.dry_run:
        return plan.of(stages)
    asked_for = {**_recorded(asked), "output": (str(stages.folder.absolute()),)}
    record = Journal(journal.journal_path(stages.folder), asked_for, _inputs(stages))
    if asked.eval is None and stages.evaluation is not None and asked.running.until is None:
        _log.warning("%s", NO_EVALUATION)
    unfinished = _resume_command(terminal, record) if record.path.exists() else None
    with _folder(stages, force=asked.running.force, unfinished=unfinished):
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
    options = declared(Calibrate)
    given = {option.name: Given(tuple(record.asked.get(option.name, ())), str(path)) for option in options}
    known = [option for option in options if given[option.name].texts]
    before = assembled(Calibrate, {**values(known, given), "given": given})
    stages = _opened(before, terminal)
    record.require(_inputs(stages))
    with _folder(stages, force=True):
        return _Run(stages, record).finished()


def _refuse_contradictions(asked: Calibrate) -> None:
    """Refuses options of which one would silently do nothing."""
    sources_given = [name for name in ("data", "statistics", "synthetic") if getattr(asked, name) is not None]
    if len(sources_given) > 1:
        flags = " and ".join(f"--{name}" for name in sources_given)
        raise UsageError("QK1087", f"{flags} are given: there is one source of statistics", hints=["keep one"])
    until, thresholds = asked.running.until, asked.thresholds
    if asked.running.shard and until != "statistics":
        raise UsageError(
            "QK1087",
            f"--shard {asked.running.shard} sees a part of the data, and no thresholds can come of that",
            hints=["add --until statistics, then quantkit merge", "--max-samples uses fewer samples"],
        )
    if asked.statistics and not asked.eval and until not in ("thresholds", "model"):
        raise UsageError(
            "QK1087",
            "--statistics without data leaves nothing to compare the models on",
            hints=["add --eval DATA, or --until model"],
        )
    rules = {*thresholds.method, *(exception.rule for exception in thresholds.override)}
    if thresholds.percentile is not None and "percentile" not in rules:
        raise UsageError("QK1087", "--percentile says nothing: no rule is percentile", hints=["--method percentile"])
    _refuse_engine_contradictions(asked)


def _refuse_engine_contradictions(asked: Calibrate) -> None:
    given = {name for name, found in asked.given.items() if found.origin != DEFAULT}
    if not asked.engine.are_built:
        for name in ("trt_calibrator", "workspace", "timing_cache"):
            if name in given:
                flag = f"--{name.replace('_', '-')}"
                raise UsageError("QK1087", f"{flag} says nothing without --backend tensorrt", hints=["leave it out"])
        return
    if "target" in given and asked.quantization.target != "tensorrt":
        title = f"--backend tensorrt runs no models for {asked.quantization.target}"
        raise UsageError("QK1087", title, hints=["leave --target out"])
    if asked.engine.trt_calibrator and asked.statistics:
        title = "--trt-calibrator has nothing to calibrate on: statistics are no data"
        raise UsageError("QK1087", title, hints=["give --data instead of --statistics"])


def _opened(asked: Calibrate, terminal: Terminal) -> Stages:
    """Everything that can be refused before the work is looked at here."""
    path = cast(Path, asked.model)  # an option that is required was seen to before
    if asked.engine.are_built:
        asked = replace(asked, quantization=replace(asked.quantization, target="tensorrt"))
    model = asked.quantization.opened(path)
    origin = _origin(asked, model)
    _refuse_unmatched(asked, model)
    folder = asked.output or Path(f"{path.stem}-int8")
    return Stages(
        asked=asked,
        terminal=terminal,
        model=model,
        origin=origin,
        evaluation=_evaluation(asked, model, origin),
        placement=place(model, asked.quantization.target, asked.quantization.exclusion),
        folder=folder,
        stem=path.stem,
        engines=_engines(asked, terminal, model, folder, origin),
    )


def _engines(
    asked: Calibrate, terminal: Terminal, model: Model, folder: Path, origin: Checked | Path
) -> EngineStages | None:
    """Statistics and thresholds take no GPU."""
    if not asked.engine.are_built or asked.running.until in ("statistics", "thresholds"):
        return None
    return EngineStages.opened(asked, terminal, model, folder, None if isinstance(origin, Path) else origin)


def _refuse_unmatched(asked: Calibrate, model: Model) -> None:
    """An exception for a tensor that is not there would be found out only after the pass over the data."""
    if asked.thresholds.override:
        tensors = [tensor for target in TARGETS for tensor in place(model, target).tensors]
        refuse_unmatched([exception.glob for exception in asked.thresholds.override], tensors)


def _origin(asked: Calibrate, model: Model) -> Checked | Path:
    if asked.statistics is not None:
        return asked.statistics
    specs, reading, seed = model.inputs, asked.reading, asked.selection.seed
    if asked.synthetic is not None:
        return sources.made_up(asked.synthetic, specs, reading, seed=seed)
    data = cast(Path, asked.data)
    shard, allow_few = asked.running.shard, asked.running.allow_few
    return sources.for_calibration(data, specs, reading, asked.selection, shard=shard, allow_few=allow_few)


def _evaluation(asked: Calibrate, model: Model, origin: Checked | Path) -> Checked | None:
    """What to compare on: the calibration data, without labels, where there is no other."""
    if asked.eval is not None:
        return sources.for_evaluation(asked.eval, model.inputs, asked.reading)
    return None if isinstance(origin, Path) else replace(origin, source=Unlabelled(origin.source))


def _recorded(asked: Calibrate) -> dict[str, tuple[str, ...]]:
    """Every option that was given, as it would be typed, so that it means the same from any folder."""
    here = Path.cwd()
    return {
        option.name: tuple(option.located(text, here) for text in asked.given[option.name].texts)
        for option in declared(Calibrate)
        if not option.typed_only and option.name not in SHOWING and asked.given[option.name].texts
    }


def _inputs(stages: Stages) -> dict[str, str]:
    """What the result depends on besides the options."""
    asked = stages.asked
    files = {"statistics": asked.statistics, "labels": asked.reading.labels}
    if asked.reading.preprocess and toml_file(asked.reading.preprocess):
        files["preprocessing"] = Path(asked.reading.preprocess)
    data = {"data": asked.data, "evaluation data": asked.eval}
    return {
        "quantkit": __version__,
        "model": stages.model.digest,
        **{name: digest_of(path) for name, path in files.items() if path is not None},
        **{name: sources.content_digest(path) for name, path in data.items() if path is not None},
    }


def _resume_command(terminal: Terminal, record: Journal) -> str:
    return f"{terminal.prog} --resume {shlex.quote(str(record.path))}"


def _folder(stages: Stages, *, force: bool, unfinished: str | None = None) -> AbstractContextManager[None]:
    asked = stages.asked
    needed = stages.model.size_bytes * len(asked.thresholds.method) * (2 if stages.engines else 1)
    inputs = [path for path in (asked.model, asked.data, asked.eval, asked.statistics) if path is not None]
    return folder_for_writing(stages.folder, inputs=inputs, force=force, needed_bytes=needed, unfinished=unfinished)


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
        made = Account(self._statistics(), [stages.statistics_path])
        if until == "statistics":
            return made
        made.calibrations = stages.calibrations(made.statistics)
        made.written += [stages.calibration_path(rule) for rule in made.calibrations]
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

    def _statistics(self) -> Statistics:
        path = self.stages.statistics_path
        done = self.record.steps.get("statistics")
        if done and path.exists() and digest_of(path) == done["sha256"]:
            _log.info("the statistics are there already: %s", path)
            return statistics_file.load(path)
        statistics = self.stages.collected(self.record.checkpoint)
        self.record.record("statistics", {"sha256": statistics_file.save(statistics, path)})
        return statistics

    @contextmanager
    def _resumable(self) -> Iterator[None]:
        """Whoever or whatever stops the run is answered with the command that takes it up."""
        command = _resume_command(self.stages.terminal, self.record)
        try:
            yield
        except KeyboardInterrupt as stop:
            exit_code = stop.exit_code if isinstance(stop, Stopped) else ExitCode.INTERRUPTED
            raise Stopped(exit_code, resume=command) from stop
        except QuantkitError as refusal:
            if not self.record.has_progressed:
                self.record.forget()
            elif isinstance(refusal, SetupError):
                refusal.hints = (*refusal.hints, f"then go on where it stopped: {command}")
            raise
