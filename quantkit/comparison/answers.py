"""What models answered to a batch, checked and divided into samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantkit.core.arrays import Array, Batch
from quantkit.core.errors import DataError, ModelError
from quantkit.core.ports import Answers, Samples


def by_sample(outputs: Batch, samples: int) -> dict[str, Array]:
    """The outputs that have a row for each sample; of a single sample every output is its row.

    >>> by_sample({"logits": np.zeros((4, 10)), "state": np.zeros((2, 4, 8))}, 4).keys()
    dict_keys(['logits'])
    >>> by_sample({"state": np.zeros((2, 8))}, 1)["state"].shape
    (1, 2, 8)
    """
    divided = {name: values for name, values in outputs.items() if values.shape[:1] == (samples,)}
    if samples > 1:
        return divided
    return {name: divided.get(name, values[np.newaxis]) for name, values in outputs.items()}


def refuse_undefined(outputs: Batch, samples: Samples) -> None:
    """Refuses NaN in the reference's answers: nothing can be measured against it.

    Raises:
        DataError: an output holds NaN; names output and sample.
    """
    for name, values in by_sample(outputs, len(samples)).items():
        if values.dtype.kind != "f":
            continue
        undefined = np.isnan(values).reshape(len(samples), -1).any(axis=1)
        if undefined.any():
            raise DataError(
                "QK2281",
                f"the reference model itself answers NaN in output {name!r}",
                where=samples.ids[int(np.argmax(undefined))].name,
                cause="what a candidate lost cannot be measured against it",
                hints=["look at the sample and at its preprocessing", "leave the sample out"],
            )


def matching(expected: Batch, outputs: Batch, samples: int, candidate: str) -> dict[str, Array]:
    """The candidate's outputs under the reference's names.

    Raises:
        ModelError: an output is missing or has another shape.
    """
    found = by_sample(outputs, samples)
    for name, values in expected.items():
        shape = found[name].shape if name in found else None
        if shape != values.shape:
            what = "none such" if shape is None else f"{list(shape)}"
            raise ModelError(
                "QK3081",
                f"output {name!r} is {list(values.shape)} in the reference and {what} in {candidate!r}",
                cause="only models with the same outputs can be compared",
                hints=["compare models of the same network, before any non-maximum suppression"],
            )
    return {name: found[name] for name in expected}


def deviations(answers: Answers) -> Mapping[str, Array]:
    """For each sample, how many values are NaN or infinite in the candidate alone, and whether anything differs.

    Rows: ``nonfinite``, int64; ``changed``, bool.
    """
    samples = len(next(iter(answers.reference.values()), ()))
    nonfinite, changed = np.zeros(samples, np.int64), np.zeros(samples, np.bool_)
    for name, expected in answers.reference.items():
        found = answers.candidate[name]
        differing = (found != expected).reshape(samples, -1)
        if expected.dtype.kind == found.dtype.kind == "f":
            differing &= ~(np.isnan(found) & np.isnan(expected)).reshape(samples, -1)
        changed |= differing.any(axis=1)
        if found.dtype.kind == "f":
            nonfinite += (differing & ~np.isfinite(found).reshape(samples, -1)).sum(axis=1)
    return {"nonfinite": nonfinite, "changed": changed}
