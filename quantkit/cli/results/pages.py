"""The HTML report of a whole job, and of a run whose files lie in a folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from quantkit.cli.options.reports import EvidenceOptions
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.results.layers import LAYERS, layers_beside
from quantkit.core import layer_errors as layers_file
from quantkit.core import plugins, sensitivity_file, statistics_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Comparison
from quantkit.core.errors import ArtifactError, QuantkitError
from quantkit.core.evidence import Evidence
from quantkit.core.files import write_whole
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.sensitivity import Sensitivity
from quantkit.core.statistics import Statistics
from quantkit.core.verdict import Judgement
from quantkit.data.batches import Batches
from quantkit.data.checked import Checked
from quantkit.data.opening import open_source
from quantkit.data.preprocessing import Preprocessing
from quantkit.graph.model import Model
from quantkit.pipeline.evidence import evidence
from quantkit.pipeline.layers import Tracing, layer_errors
from quantkit.pipeline.models import load_model
from quantkit.pipeline.rendering import render

_log = logging.getLogger(__name__)

PAGE = "report.html"
STATISTICS = "statistics.safetensors"
SENSITIVITY = "sensitivity.json"
_RANGES = ".qcal.json"


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
    write_whole(page, render(comparison, "html", evidence=shown).encode())
    return files


def behind(run: Path, judgement: Judgement, given: EvidenceOptions | None = None) -> Evidence:
    """Everything that a page shows besides the run at `run`: the files that are given, and else those in its folder.

    What lies in the folder is taken as far as it belongs to the same models.

    Raises:
        ArtifactError: a file that is given belongs to other models.
    """
    given = given or EvidenceOptions()
    comparison = judgement.comparison
    found = evidence(
        comparison,
        judgement=judgement,
        statistics=_statistics(run.parent, comparison, given.statistics),
        calibrations=_calibrations(run.parent, comparison, given.calib),
        layers=layers_beside(run, comparison),
        model=None if given.reference is None else _reference(given.reference, comparison),
        pictures_from=None if given.data is None else _pictures(given.data, comparison),
    )
    return replace(found, sensitivity=_sensitivity(run.parent, comparison))


def _sensitivity(folder: Path, comparison: Comparison) -> Sensitivity | None:
    path = folder / SENSITIVITY
    found = sensitivity_file.load(path) if path.is_file() else None
    return found if found is not None and found.model == comparison.reference.digest else None


def _statistics(folder: Path, comparison: Comparison, given: Path | None) -> Statistics | None:
    path = given or folder / STATISTICS
    if not given and not path.is_file():
        return None
    found = statistics_file.load(path)
    if found.fingerprint.model == comparison.reference.digest:
        return found
    if given:
        raise _foreign(path, "statistics")
    return None


def _calibrations(folder: Path, comparison: Comparison, given: Sequence[Path]) -> dict[str, Calibration]:
    """Candidate → the ranges that it was made with."""
    found: dict[str, Calibration] = {}
    for path in given or sorted(folder.glob(f"*{_RANGES}")):
        calibration = Calibration.load(path)
        own = [name for name in _made_with(calibration, path, comparison) if name not in found]
        if given and not own:
            raise _foreign(path, "ranges")
        found.update(dict.fromkeys(own, calibration))
    return {outcome.subject.name: found[outcome.subject.name] for outcome in comparison.candidates
            if outcome.subject.name in found}  # fmt: skip


def _made_with(calibration: Calibration, path: Path, comparison: Comparison) -> Iterator[str]:
    """The candidates that say so; one that says nothing, such as an engine, goes by the name of the file."""
    if calibration.provenance.model != comparison.reference.digest:
        return
    digest = hashlib.sha256(calibration.to_json().encode()).hexdigest()
    for outcome in comparison.candidates:
        told = outcome.subject.provenance.get("quantkit.calibration")
        if told == digest or (told is None and f"{outcome.subject.name}{_RANGES}" == path.name):
            yield outcome.subject.name


def _reference(path: Path, comparison: Comparison) -> Model:
    found = load_model(path)
    if found.digest != comparison.reference.digest:
        raise _foreign(path, "a model")
    return found


def _pictures(path: Path, comparison: Comparison) -> Batches:
    """The data; how images become the model's input does not matter to their pictures."""
    source = open_source(path, preprocessing=Preprocessing())
    if not set(source.records.names) & set(comparison.samples):
        raise _foreign(path, "samples")
    return source


def _foreign(path: Path, what: str) -> ArtifactError:
    title = f"{path} holds {what} of another run"
    return ArtifactError("QK3244", title, where=str(path), hints=["give the files that this run was made from"])
