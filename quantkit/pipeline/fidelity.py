"""Whether an engine computes what its Q/DQ model says, by another runtime's word for it.

A compiler that fuses and moves nodes makes mistakes, and what comes out then looks like a bad calibration. The model
itself is not at fault where ONNX Runtime, which computes it node by node, is much closer to FP32 than the engine is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np

from quantkit.comparison.answers import by_sample, matching
from quantkit.comparison.signals import errors, pairs
from quantkit.core.arrays import Batch
from quantkit.core.ports import Answers, Backend, Engine, Samples
from quantkit.graph.loading.operators import quantized_operators
from quantkit.graph.model import Model
from quantkit.pipeline.backends import backend

# Other kernels and FP16 cost a decibel or two of what INT8 leaves; a misplaced bound costs nearly everything.
_LOST_DB = 10.0

# Engines above this are right, however much better the model would be in floats.
_WELL_DB = 20.0


def notes_on_fidelity(
    reference: Engine, candidates: Mapping[str, tuple[Engine, Model]], samples: Samples
) -> tuple[str, ...]:
    """A sentence for each engine that is far from what ONNX Runtime makes of the same Q/DQ model.

    Engines of models without Q/DQ nodes have nothing to be held to; where ONNX Runtime is not installed, nothing is
    said.

    Args:
        reference: the FP32 engine.
        candidates: name → engine, and the model that it was built from.
        samples: what all are asked.
    """
    paired = {name: built for name, built in candidates.items() if quantized_operators(built[1].proto)}
    if not paired or find_spec("onnxruntime") is None:
        return ()
    answered = {name: values.copy() for name, values in reference.run(samples.inputs).items()}
    expected = by_sample(answered, len(samples))
    runtime: Backend = backend("ort", threads=None)
    notes = []
    for name, (engine, model) in paired.items():
        made = _decibels(expected, engine.run(samples.inputs), samples, name)
        with runtime.build(model.serialized()) as interpreter:
            said = _decibels(expected, interpreter.run(samples.inputs), samples, name)
        if made < min(said - _LOST_DB, _WELL_DB):
            notes.append(
                f"{name}: the engine does not compute what its Q/DQ model says: {made:.1f} dB against FP32, "
                f"{said:.1f} dB with ONNX Runtime; TensorRT built it wrong, --exclude-nodes may find the layer"
            )
    return tuple(notes)


def _decibels(expected: Batch, found: Batch, samples: Samples, name: str) -> float:
    """Signal to noise over all floating-point outputs; infinite where nothing differs."""
    signal = noise = 0.0
    for _, mine, theirs in pairs(Answers(expected, matching(expected, found, len(samples), name))):
        wrong = errors(mine, theirs)
        signal, noise = signal + float(mine @ mine), noise + float(wrong @ wrong)
    return float(10 * np.log10(signal / noise)) if noise and signal else float("inf")
