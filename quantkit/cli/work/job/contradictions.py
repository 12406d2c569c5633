"""What of a job's options contradicts each other, or would silently do nothing."""

from __future__ import annotations

import logging

from quantkit.cli.options.idle import refuse_idle, refuse_other_device
from quantkit.cli.work.job.destination import CALIBRATION, destination
from quantkit.cli.work.job.options import Calibrate
from quantkit.core.errors import UsageError

_log = logging.getLogger(__name__)

# Option → the rule that it is for.
_OF_RULES = {"percentile": "percentile", "bins": "entropy"}

_OF_ENGINES = ("collect_on", "exclude_by", "trt_calibrator", "inject", "workspace", "timing_cache", "timing_runs")

# They choose from --data.
_OF_DATA = ("max_samples", "sample_fraction", "exclude_samples")


def refuse_contradictions(asked: Calibrate) -> None:
    """Refuses options of which one would do nothing; what a loop over rules may well leave idle is only told.

    Raises:
        UsageError: names both, and what to do about them.
    """
    given = {name for name, found in asked.given.items() if found.is_asked}
    typed = {name for name, found in asked.given.items() if found.is_typed}
    _refuse_sources(asked, given)
    _refuse_stages(asked)
    if asked.engine.are_built:
        _refuse_for_engines(asked, given)
    else:
        refuse_idle(_OF_ENGINES, typed, "without --backend tensorrt")
    rules = {*asked.thresholds.method, *(exception.rule for exception in asked.thresholds.override)}
    for name, rule in _OF_RULES.items():
        if name in given and rule not in rules:
            _log.warning("--%s says nothing: no rule is %s, as --method %s would make one", name, rule, rule)


def _refuse_sources(asked: Calibrate, given: set[str]) -> None:
    sources = [name for name in ("data", "statistics", "synthetic") if getattr(asked, name) is not None]
    if len(sources) > 1:
        flags = " and ".join(f"--{name}" for name in sources)
        raise UsageError("QK1087", f"{flags} are given: there is one source of statistics", hints=["keep one"])
    if asked.data is None and sources:
        refuse_idle(_OF_DATA, given, f"to --{sources[0]}")


def _refuse_stages(asked: Calibrate) -> None:
    until, shard = asked.running.until, asked.running.shard
    if shard and until != "statistics":
        raise UsageError(
            "QK1087",
            f"--shard {shard} sees a part of the data, and no thresholds can come of that",
            hints=["add --until statistics, then quantkit merge", "--max-samples uses fewer samples"],
        )
    if asked.statistics and not asked.eval and until not in ("thresholds", "model"):
        raise UsageError(
            "QK1087",
            "--statistics without data leaves nothing to compare the models on",
            hints=["add --eval DATA, or --until model"],
        )
    if asked.model and until == "statistics" and destination(asked.output, asked.model).kind == CALIBRATION:
        raise UsageError(
            "QK1087",
            f"--until statistics chooses no ranges, which {asked.output} is to hold",
            hints=["--until thresholds", "-o NAME.safetensors"],
        )


def _refuse_for_engines(asked: Calibrate, given: set[str]) -> None:
    if "target" in given and asked.quantization.target != "tensorrt":
        title = f"--backend tensorrt runs no models for {asked.quantization.target}"
        raise UsageError("QK1087", title, hints=["leave --target out"])
    refuse_other_device(asked.running.device)
    if asked.statistics:
        refuse_idle(("collect_on",), given, "to --statistics")
    if asked.engine.trt_calibrator and asked.statistics:
        title = "--trt-calibrator has nothing to calibrate on: statistics are no data"
        raise UsageError("QK1087", title, hints=["give --data instead of --statistics"])
