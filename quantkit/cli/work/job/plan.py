"""What a run of the whole job would do, and what it knows beforehand."""

from __future__ import annotations

from pathlib import Path

from quantkit.cli.command import Result
from quantkit.cli.results.columns import aligned
from quantkit.cli.work.job.stages import Stages
from quantkit.data.checked import Checked


def of(stages: Stages) -> Result:
    """The plan of a run whose inputs are open and checked; nothing is written for it."""
    asked, placement = stages.asked, stages.placement
    file = stages.destination.file
    samples, evaluation = _size(stages.origin), _size(stages.evaluation)
    document = {
        "command": "calibrate",
        "dry_run": True,
        "output": str(stages.folder),
        "inputs": [str(spec) for spec in stages.model.inputs],
        "samples": samples,
        "evaluation_samples": evaluation,
        "target": placement.target,
        "nodes": list(placement.nodes),
        "left_out": [str(node) for node in placement.left_out],
        "files": [str(path) for path in ([file] if file else []) + stages.paths],
    }
    rows = [
        ["model", f"{stages.model.path}, {', '.join(map(str, stages.model.inputs))}"],
        ["calibration", _described(asked.data or asked.statistics, samples)],
        ["evaluation", "the calibration data" if asked.eval is None else _described(asked.eval, evaluation)],
        ["INT8", f"{len(placement.nodes)} nodes for {placement.target}, {len(placement.left_out)} left in FP32"],
        ["output", f"{stages.folder}: {', '.join(path.name for path in stages.paths)}"],
        *([["and", f"{file}: the {stages.destination.kind}"]] if file else []),
    ]
    return Result("\n".join(aligned(rows, indent="")), document)


def _described(path: Path | None, samples: int | None) -> str:
    where = "noise" if path is None else str(path)
    return where if samples is None else f"{where}, {samples} samples"


def _size(source: Checked | Path | None) -> int | None:
    return None if source is None or isinstance(source, Path) else source.size
