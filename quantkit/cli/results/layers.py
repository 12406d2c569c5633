"""The error of each layer, in the file beside a run."""

from __future__ import annotations

from pathlib import Path

from quantkit.core import layer_errors as layers_file
from quantkit.core.comparison import Comparison
from quantkit.core.layer_errors import LayerErrors

LAYERS = "layers.json"
"""The file's name."""


def layers_beside(run: Path, comparison: Comparison) -> dict[str, LayerErrors]:
    """Candidate → its error layer by layer, as far as it lies beside the run and is of the same models."""
    path = run.parent / LAYERS
    found = layers_file.load(path) if path.is_file() else {}
    # In the order of the run, which is that of every table.
    subjects = [outcome.subject for outcome in comparison.candidates if outcome.subject.name in found]
    return {each.name: found[each.name] for each in subjects if found[each.name].candidate == each.digest}
