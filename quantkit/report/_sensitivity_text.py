"""What a sensitivity comes down to, in sentences: what was not measured, what to do, and what shows it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from quantkit.core.comparison import MetricSummary
from quantkit.core.figures import change, change_span, milliseconds, times, value
from quantkit.core.leads import Margin
from quantkit.core.sensitivity import SQNR, Point, Sensitivity
from quantkit.core.sensitivity_advice import KEPT, UNSEEN, WON, Advice
from quantkit.core.sensitivity_extent import Extent
from quantkit.core.text import enumerated
from quantkit.core.timing import time_ratio

_NAMED = 6
"""Layers that a sentence names."""

_RULES = ("mse", "percentile", "max")
"""What to try where a rule lets too much saturate."""


class Counsel(NamedTuple):
    """What to do in one sentence, what shows it and what it costs in others, and options to paste, if any.

    `flags` are the options, and `meant` says what for.
    """

    headline: str
    reasons: tuple[str, ...] = ()
    meant: str = ""
    flags: str = ""


def samples(found: Sensitivity) -> str:
    """On how many samples the layers were measured.

    >>> samples(Sensitivity("", "", "", "", "", 64, (), ()))
    '64 samples'
    """
    extent = found.extent
    if extent is None or not extent.is_cut_short:
        return f"{found.samples} samples"
    fewest, most = found.span
    among = f" of {extent.samples}" if extent.samples is not None else ""
    return f"{most if fewest == most else f'{fewest} to {most}'}{among} samples"


def left_undone(found: Sensitivity) -> tuple[str, ...]:
    """What the time limit left unmeasured, and what the figures mean because of it; nothing where there was time."""
    extent = found.extent
    return tuple(_undone(found, extent)) if extent is not None and extent.is_cut_short else ()


def _undone(found: Sensitivity, extent: Extent) -> Iterator[str]:
    done = f", with {math.floor(100 * extent.runs / extent.of_runs)} % of the runs done" if extent.of_runs else ""
    yield f"the time limit of {extent.limit_s:g} s ended the measuring{done}"
    missing, layers = found.unmeasured, len(found.quantized)
    fewest, most = found.span
    best = "" if fewest == most else ", the noisiest on most"
    yield f"measured: {layers - len(missing)} of {layers} layers, on {samples(found)} each{best}"
    if missing:
        names = enumerated([layer.node for layer in missing], _NAMED)
        yield f"not measured: {names}; any of them may cost more than those shown"
    compared = max((summary.samples for point in found.points[:1] for summary in point.metrics), default=0)
    if extent.samples is not None and found.points and compared < extent.samples:
        yield f"compared: on {compared} of {extent.samples} samples, for which there was time"
    if extent.partly:
        yield f"measured in part, the rest shown as –: {enumerated(extent.partly, _NAMED)}"
    if missing or extent.partly:
        yield "the order is that of what was measured: with more time, another layer may come first"
    elif fewest != most:
        yield "the order is of all layers, but where figures are close, more samples may change it"
    else:
        yield "the order is of all layers, on fewer samples than there are"


def counsel(found: Sensitivity) -> Counsel | None:
    """What to do now; ``None`` where no network was made."""
    advice = found.advice
    if advice is None or not found.points:
        return None
    whole = found.points[0]
    truth = whole.metric(advice.metric)
    if truth is None:
        return None
    if advice.finding == WON:
        return _to_leave_out(found, advice, truth)
    if advice.finding == KEPT:
        return _kept(found, advice, truth)
    if advice.finding == UNSEEN:
        return _unseen(found, advice, truth)
    return _not_won(found, advice, truth)


def _kept(found: Sensitivity, advice: Advice, truth: MetricSummary) -> Counsel:
    if advice.tolerance is None:
        return Counsel("nothing needs to be left out: INT8 as it is answers just as FP32 does", (*_slow(found),))
    harmless = f"up to {value(advice.tolerance, truth.unit).replace('%', 'pp')} counts as harmless: 1 % of FP32's"
    headline = f"nothing needs to be left out: INT8 as it is keeps {_title(truth)}"
    return Counsel(headline, (f"{_differing(truth)}; {harmless}", *_slow(found)))


def _unseen(found: Sensitivity, advice: Advice, truth: MetricSummary) -> Counsel:
    reasons = [_differing(truth)]
    if truth.difference is not None:
        most = -truth.difference.low if truth.higher_is_better else truth.difference.high
        lost = change(most, truth.unit).removeprefix("+")
        reasons.append(f"a loss of up to {lost} remains possible: more samples tell (--max-samples)")
    told = Counsel("nothing needs to be left out, as far as these samples show", tuple(reasons))
    told = told._replace(reasons=(*told.reasons, *_other_rules(found)))
    point = found.point(advice.reserve) if advice.reserve else None
    if point is None:
        return told._replace(reasons=(*told.reasons, *_slow(found)))
    return _with_a_try(told, found, point, "should they show a loss")


def _with_a_try(told: Counsel, found: Sensitivity, point: Point, when: str) -> Counsel:
    """With the network that is worth a try: what it gives back and costs, and its flags."""
    gained = f"what leaving {_first(point)} in FP32 gives back: {_gained(found)}"
    reasons = (*told.reasons, gained, *_price(found, point))
    return Counsel(told.headline, reasons, f"{when}, {_with(found)}", point.flags)


def _to_leave_out(found: Sensitivity, advice: Advice, truth: MetricSummary) -> Counsel:
    point = found.advised
    if point is None:
        return Counsel("leave layers in FP32")
    reasons = [_differing(truth)] if truth.difference is not None else []
    reasons += [f"what that gives back: {_gained(found)}", *_price(found, point)]
    if advice.metric == SQNR:
        reasons.append(_UNLABELLED)
    others = tuple(_other_rules(found))
    headline = f"{'try other ranges first; or else ' if others else ''}leave {_first(point)} in FP32"
    return Counsel(headline, (*others, *reasons), _with(found), point.flags)


def _not_won(found: Sensitivity, advice: Advice, truth: MetricSummary) -> Counsel:
    lost = "" if truth.difference is None else f"INT8 loses {_title(truth)}, but "
    why = _UNLABELLED if truth.difference is None else _differing(truth)
    helping = (
        "what may help: other ranges (--method mse, or calibrate on more samples), more samples here (--max-samples)"
    )
    reasons = (why, *_other_rules(found), helping)
    told = Counsel(f"{lost}leave nothing out: that it gives anything back is not shown", reasons)
    point = found.point(advice.reserve) if advice.reserve else None
    return told if point is None else _with_a_try(told, found, point, "to try it")


def _other_rules(found: Sensitivity) -> Iterator[str]:
    """The command that tries other rules, where the one that was used takes much away from tensors."""
    if found.over_clipped:
        named = enumerated(found.over_clipped, _NAMED)
        yield f"by the ranges of {found.rule}, much of the energy saturates in {named}"
        others = ",".join(rule for rule in _RULES if rule != found.rule)
        options = "" if found.target == "ort-cpu" else f" --target {found.target}"
        yield (
            "other ranges may give more back, with nothing left out: "
            f"quantkit calibrate {shlex.quote(found.path)} --data DATA --method {others}{options} compares them"
        )


_UNLABELLED = "whether the noise costs accuracy, only labels tell: --labels, or class folders"


def _differing(truth: MetricSummary) -> str:
    difference = truth.difference
    if difference is None:
        return f"{_title(truth)} is {value(truth.candidate, truth.unit)}"
    span = change_span(difference.low, difference.high, truth.unit)
    moved = f"{change(difference.estimate, truth.unit)} {span}"
    return f"{_title(truth)} of INT8 as it is, against FP32: {moved} on {truth.samples} samples"


def _gained(found: Sensitivity) -> str:
    gains = found.advice.gains if found.advice else {}
    return ", ".join(_gain(name, margin, found.points[0].metric(name)) for name, margin in gains.items())


def _gain(name: str, margin: Margin, summary: MetricSummary | None) -> str:
    title, unit = (_title(summary), summary.unit) if summary else (name, "")
    # Noise is held against noise sample by sample, which is not the difference of the two sums.
    where = " in the median sample" if name == SQNR else ""
    shown = f"at least {change(margin.low, unit)}" if margin.low > 0 else "not shown"
    return f"{title} {change(margin.estimate, unit)}{where} ({shown})"


def _price(found: Sensitivity, point: Point) -> Iterator[str]:
    whole = found.points[0]
    told = f"what that costs: {point.integer} of {point.nodes} nodes in INT8 instead of {whole.integer}"
    if (slower := time_ratio(point.latency, whole.latency)) and point.latency and whole.latency:
        took = f"{milliseconds(point.latency.p50_ms)} instead of {milliseconds(whole.latency.p50_ms)}"
        told += f", {times(slower.estimate)} the latency ({took})"
    yield told
    against = time_ratio(point.latency, found.reference_latency)
    if against is not None and against.high >= 1:
        took = f"{times(against.estimate)} its latency ({times(against.low)} to {times(against.high)}"
        yield f"it is not shown to be faster than FP32 on this machine: {took}, {100 * against.level:g} % interval)"


def _slow(found: Sensitivity) -> Iterator[str]:
    against = time_ratio(found.points[0].latency, found.reference_latency)
    if against is not None and against.low > 1:
        yield f"INT8 as it is gains no speed on this machine: {times(against.estimate)} the latency of FP32"


def _with(found: Sensitivity) -> str:
    return f"with quantkit calibrate or quantize --target {found.target}"


def _first(point: Point) -> str:
    return "the first layer of the list" if len(point.left_out) == 1 else f"the first {len(point.left_out)} layers"


def _title(summary: MetricSummary) -> str:
    return summary.title or summary.metric
