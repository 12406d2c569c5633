"""The inputs of a whole job, opened and checked: everything that can be refused before the work begins."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import cast

from quantkit._version import __version__
from quantkit.cli.inputs import sources
from quantkit.cli.inputs.watched import Unlabelled
from quantkit.cli.options.data import SelectionOptions
from quantkit.cli.options.values import toml_file
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.job.destination import destination
from quantkit.cli.work.job.engine_stages import EngineStages
from quantkit.cli.work.job.options import Calibrate
from quantkit.cli.work.job.stages import Stages
from quantkit.core.files import digest_of
from quantkit.data.checked import Checked
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.pipeline.collecting import TARGETS
from quantkit.pipeline.ranges import refuse_unmatched

_log = logging.getLogger(__name__)


def opened(asked: Calibrate, terminal: Terminal) -> Stages:
    """The job's stages, with model and data behind them.

    Raises:
        QuantkitError: something cannot be read, does not fit, or is not there.
    """
    path = cast(Path, asked.model)  # an option that is required was seen to before
    if asked.engine.are_built:
        asked = replace(asked, quantization=replace(asked.quantization, target="tensorrt"))
    model = asked.quantization.opened(path)
    origin = _origin(asked, model)
    _refuse_unmatched(asked, model)
    where = destination(asked.output, path)
    _warn_of_one_for_both(asked)
    return Stages(
        asked=asked,
        terminal=terminal,
        model=model,
        origin=origin,
        evaluation=_evaluation(asked, model, origin),
        placement=place(model, asked.quantization.target, asked.quantization.exclusion),
        destination=where,
        stem=path.stem,
        engines=_engines(asked, terminal, model, where.folder, origin),
    )


def _engines(
    asked: Calibrate, terminal: Terminal, model: Model, folder: Path, origin: Checked | Path
) -> EngineStages | None:
    """Where there is anything to do on the GPU: thresholds take none, nor do statistics of the processor."""
    collects = asked.engine.collect and not isinstance(origin, Path)
    builds = asked.engine.are_built and asked.running.until not in ("statistics", "thresholds")
    if not collects and not builds:
        return None
    return EngineStages.opened(asked, terminal, model, folder, None if isinstance(origin, Path) else origin)


def _warn_of_one_for_both(asked: Calibrate) -> None:
    if asked.eval is not None and asked.data is not None and asked.eval.absolute() == asked.data.absolute():
        _log.warning(
            "--eval is the same as --data: accuracy on what ranges were chosen from is better than it will be elsewhere"
        )


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
        chosen = SelectionOptions(max_samples=asked.max_eval_samples, seed=asked.selection.seed)
        return sources.for_evaluation(asked.eval, model.inputs, asked.reading, chosen)
    return None if isinstance(origin, Path) else replace(origin, source=Unlabelled(origin.source))


def inputs(stages: Stages) -> dict[str, str]:
    """What the result depends on besides the options."""
    asked = stages.asked
    files: dict[str, Path | None] = {"statistics": asked.statistics, "labels": asked.reading.labels}
    if asked.reading.preprocess and toml_file(asked.reading.preprocess):
        files["preprocessing"] = Path(asked.reading.preprocess)
    data = {"data": asked.data, "evaluation data": asked.eval}
    files |= {f"operators {path.name}": path for path in asked.quantization.allow_custom_op_library}
    return {
        "quantkit": __version__,
        "model": stages.model.digest,
        **{name: digest_of(path) for name, path in files.items() if path is not None},
        **{name: sources.content_digest(path) for name, path in data.items() if path is not None},
    }
