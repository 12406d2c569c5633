"""The limits of a gate, as they are typed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from quantkit.cli.options import values
from quantkit.cli.options.fields import Option, a_file
from quantkit.cli.options.values import BadValueError
from quantkit.core.tolerance import PRESETS, Drop, Tolerance
from quantkit.gate.rules import Rules

Value = TypeVar("Value")

BASELINE = a_file("what INT8 was before, such as quantkit.baseline.json (default: none; FP32 alone counts)", "FILE")


def drop(text: str) -> Drop:
    """A loss: ``1pp`` of a share, ``1%`` of the reference's value, ``0.5dB``, or a number in the metric's own unit."""
    try:
        return Drop.parsed(text)
    except ValueError as reason:
        raise BadValueError(str(reason), "write 1pp for points, 1% of the reference's value, or 0.5dB") from None


def bound(text: str) -> float:
    """A value that a figure has to reach: ``0.98``, ``98%`` or ``20``.

    >>> bound("98%")
    0.98
    """
    percent = text.endswith("%")
    number = _number(text.removesuffix("%"), "write 0.98, 98% or 20")
    return number / 100 if percent else number


def _number(text: str, remedy: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise BadValueError("holds no number", remedy) from None
    if not math.isfinite(number):
        raise BadValueError("holds no finite number", remedy)
    return number


def by_name(parse: Callable[[str], Value], sign: str, example: str) -> Callable[[str], dict[str, Value]]:
    """Names with a value each, commas between them.

    >>> by_name(values.share, "=", "top1=0.99")("top1=0.99,top5=0.995")
    {'top1': 0.99, 'top5': 0.995}
    """

    def each(text: str) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for part in text.split(","):
            name, given, word = part.strip().partition(sign)
            if not (name and given and word):
                raise BadValueError("is not understood", f"write {example}, and commas between several")
            if name in found:
                raise BadValueError(f"names {name!r} twice")
            found[name] = parse(word)
        return found

    return each


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What a run is held to."""

    preset: Annotated[
        str,
        Option(
            "for the first accuracy of the run, where no metric is named, here or in the baseline: keep 99 %, or "
            "99.9 %, of the reference's, or lose at most 0.1 pp",
            parse=values.one_of(*PRESETS),
            metavar="|".join(PRESETS),
        ),
    ] = "mlperf-99"
    max_drop: Annotated[
        Mapping[str, Drop] | None,
        Option(
            "what metrics may lose: 1pp of a share, 1% of the reference's value, 0.5dB; with --min-ratio, the stricter "
            "one holds",
            parse=by_name(drop, "=", "top1=1pp"),
            metavar="METRIC=DROP,...",
        ),
    ] = None
    min_ratio: Annotated[
        Mapping[str, float] | None,
        Option(
            "the part of the reference's value that metrics have to keep",
            parse=by_name(values.share, "=", "top1=0.99"),
            metavar="METRIC=RATIO,...",
        ),
    ] = None
    min: Annotated[
        Mapping[str, float] | None,
        Option(
            "what metrics have to reach, for those that the reference has no value of, such as agreement=0.98,sqnr=20",
            parse=by_name(bound, "=", "agreement=0.98"),
            metavar="METRIC=VALUE,...",
        ),
    ] = None
    max_latency_regression: Annotated[
        Mapping[str, float] | None,
        Option(
            "how much slower than FP32 in this run INT8 may be and, as a part of its time, than in the baseline",
            parse=by_name(values.share, ":", "p50:5%"),
            metavar="p50:SHARE",
        ),
    ] = None
    max_flips: Annotated[
        float | None,
        Option("samples that may be right in one model only", parse=values.share, metavar="SHARE"),
    ] = None
    max_size: Annotated[
        float | None, Option("bytes that INT8 may have of the reference's", parse=values.share, metavar="SHARE")
    ] = None
    min_int8_share: Annotated[
        float | None,
        Option(
            "nodes that have to run in integers: a silent fallback makes accuracy better",
            parse=values.share,
            metavar="SHARE",
        ),
    ] = None
    max_missing_scales: Annotated[
        int | None,
        Option(
            "tensors for want of whose scale a TensorRT engine may compute in floats",
            parse=values.at_least(0),
            metavar="N",
        ),
    ] = None
    alpha: Annotated[
        float,
        Option(
            "the chance that a model on its limit fails, over all checks together",
            parse=values.number_within(0, 0.5),
            metavar="P",
        ),
    ] = 0.05
    cluster: Annotated[
        str | None,
        Option(
            "draw samples in groups that belong together: by label, by folder, or by a column (default: one by one)",
            metavar="COLUMN",
        ),
    ] = None
    model: Annotated[
        tuple[str, ...] | None,
        Option("judge these candidates (default: all)", parse=values.several(str), metavar="NAME,..."),
    ] = None
    allow_overlap: Annotated[bool, Option("judge although samples were calibrated on and evaluated", kind="switch")] = (
        False
    )

    @property
    def rules(self) -> Rules:
        """The same, for the gate."""
        ratios, drops = self.min_ratio or {}, self.max_drop or {}
        names = dict.fromkeys([*ratios, *drops])
        return Rules(
            tolerances={name: Tolerance(ratios.get(name), drops.get(name)) for name in names},
            preset=PRESETS[self.preset],
            minimums=self.min or {},
            latency=self.max_latency_regression or {},
            max_flips=self.max_flips,
            max_size=self.max_size,
            min_int8_share=self.min_int8_share,
            max_missing_scales=self.max_missing_scales,
            alpha=self.alpha,
            cluster=self.cluster,
            models=self.model,
            allow_overlap=self.allow_overlap,
        )
