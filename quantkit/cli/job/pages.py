"""The HTML report of a whole job, and of a run whose files lie in a folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from quantkit.cli.process.terminal import Terminal
from quantkit.core import layer_errors as layers_file
from quantkit.core import plugins, statistics_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.errors import QuantkitError
from quantkit.core.evidence import Evidence
from quantkit.core.files import write_whole
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.statistics import Statistics
from quantkit.data.checked import Checked
from quantkit.graph.model import Model
from quantkit.pipeline.evidence import evidence
from quantkit.pipeline.layers import Tracing, layer_errors

_log = logging.getLogger(__name__)

LAYERS = "layers.json"
PAGE = "report.html"
STATISTICS = "statistics.safetensors"


def can_draw() -> bool:
    """Whether the library that draws is installed."""
    return find_spec("plotly") is not None


def require_drawing() -> None:
    """Raises SetupError where the library that draws is missing, before any work is done."""
    plugins.optional("plotly.offline")


def traced(
    model: Model, models: Mapping[str, Artifact], data: Checked, *, threads: int | None, terminal: Terminal
) -> dict[str, LayerErrors]:
    """Candidate → its error layer by layer; one that cannot be measured is left out, with a warning.

    A report that lacks a section is worth more than none at the end of a long job.
    """
    found = {}
    for name, candidate in models.items():
        try:
            with terminal.progressing(f"layers of {name}") as advance:
                found[name] = layer_errors(model, candidate, data, how=Tracing(threads=threads), progress=advance)
        except QuantkitError as refusal:
            _log.warning("the error of each layer of %s is left out: %s", name, refusal.title)
    return found


def written(folder: Path, comparison: Comparison, shown: Evidence) -> list[Path]:
    """Writes the layer errors and the page beside the run; their paths."""
    page = folder / PAGE
    files = [page]
    if shown.layers:
        layers_file.save(shown.layers, folder / LAYERS)
        files.insert(0, folder / LAYERS)
    write_whole(page, plugins.load("quantkit.report", "html")(evidence=shown).render(comparison).encode())
    return files


def beside(run: Path, comparison: Comparison) -> Evidence:
    """What ``quantkit calibrate`` left in the folder of a run, as far as it belongs to the same models."""
    folder, reference = run.parent, comparison.reference.digest
    candidates = {outcome.subject.name: outcome.subject.digest for outcome in comparison.candidates}
    layers = layers_file.load(folder / LAYERS) if (folder / LAYERS).is_file() else {}
    return evidence(
        comparison,
        statistics=_statistics(folder / STATISTICS, reference),
        calibrations=dict(_calibrations(folder, candidates, reference)),
        layers={name: found for name, found in layers.items() if candidates.get(name) == found.candidate},
    )


def _statistics(path: Path, model: str) -> Statistics | None:
    if not path.is_file():
        return None
    found = statistics_file.load(path)
    return found if found.fingerprint.model == model else None


def _calibrations(folder: Path, candidates: Mapping[str, str], model: str) -> Iterator[tuple[str, Calibration]]:
    for name in candidates:
        path = folder / f"{name}.qcal.json"
        # A candidate's name may be a path of its own; what lies elsewhere is not beside the run.
        if path.parent == folder and path.is_file():
            found = Calibration.load(path)
            if found.provenance.model == model:
                yield name, found
