"""One output among a model's, by the name that a person gave or by its shape."""

from __future__ import annotations

from collections.abc import Callable

from quantkit.core import plugins
from quantkit.core.arrays import Array, Batch
from quantkit.core.ports import Answers, Obstacle

Fits = Callable[[Array], bool]


def chosen(outputs: Batch, name: str | None, fits: Fits) -> str | None:
    """The output called `name`, or the first that `fits` where no name is given; `None` where there is none."""
    if name is not None:
        return name if name in outputs and fits(outputs[name]) else None
    return next((own for own, values in outputs.items() if fits(values)), None)


def lacking(answers: Answers, name: str | None, fits: Fits, what: str) -> Obstacle | None:
    """No output that fits; `what` says what it would have to be."""
    outputs = answers.reference
    if chosen(outputs, name, fits) is not None:
        return None
    shapes = ", ".join(f"{own!r} is {values.dtype}{list(values.shape)}" for own, values in outputs.items())
    if name is not None and name not in outputs:
        return Obstacle("; ".join([f"there is no output {name!r}", *plugins.did_you_mean(name, list(outputs)), shapes]))
    subject = "no output is" if name is None else f"output {name!r} is not"
    return Obstacle(f"{subject} {what}: {shapes}")
