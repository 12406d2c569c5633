"""Where integers are no faster on this GPU, so that a model had better stay in floats there.

Q/DQ pairs force integers where TensorRT, given the choice, would compute in FP16. Leaving them out there makes the
engine faster, and more accurate. What to leave out is told by the engine that TensorRT builds when it has the choice
(up to version 10), or by the time that each layer takes in an INT8 and in an FP16 engine (any version).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from quantkit.backends.tensorrt import inspection
from quantkit.backends.tensorrt.options import Precision
from quantkit.backends.tensorrt.shares import Profiled, no_faster_in_int8
from quantkit.core.artifact import SerializedModel
from quantkit.core.calibration import Calibration
from quantkit.core.comparison import Interval, Latency
from quantkit.core.timing import time_ratio
from quantkit.graph.exclusion import Exclusion
from quantkit.graph.model import Model
from quantkit.graph.placement import place
from quantkit.graph.qdq import with_qdq

if TYPE_CHECKING:
    from quantkit.backends.tensorrt.backend import TensorRtBackend
    from quantkit.backends.tensorrt.build import Int8Scales
    from quantkit.backends.tensorrt.runtime import TensorRtEngine

_log = logging.getLogger(__name__)

TARGET = "tensorrt"

ExcludeBy: TypeAlias = Literal["auto", "inspector", "profile", "none"]

FP16 = "FP16"
_IMPLICIT, _INT8 = "implicit", "INT8"

_NO_FASTER = "INT8 is no faster than FP16 on this GPU for this model"
_NOT_SHOWN = "INT8 is not shown to be faster than FP16 on this GPU for this model"

# Placements that are built and measured; each is guided by the profile of the one before.
_TRIALS = 4

# What a build is for, in front of what it tells of itself.
_SEARCHING = "looking for what is no faster in INT8"

# Engines that are built twice differ by that much.
_NOISE = 0.02


def notes_on_speed(latencies: Mapping[str, Latency]) -> tuple[str, ...]:
    """What has to be said of measured engines: that no other than the FP16 one is worth its errors, where it is so.

    Args:
        latencies: candidate → its latency.
    """
    others = {name: latency for name, latency in latencies.items() if name != FP16}
    if FP16 not in latencies or not others:
        return ()
    best, half = min(others, key=lambda name: others[name].p50_ms), latencies[FP16]
    doubt = _doubt(_of(others[best], half))
    return (f"{doubt}: {best} takes {others[best].p50_ms:.3f} ms, {FP16} {half.p50_ms:.3f} ms",) if doubt else ()


def _of(one: Latency, other: Latency) -> Interval:
    """How many times as long one takes as the other; without blocks, as if that were certain."""
    ratio = one.p50_ms / other.p50_ms
    return time_ratio(one, other) or Interval(ratio, ratio, ratio)


def _doubt(of_fp16: Interval) -> str:
    """What is shown where INT8 takes so many times as long as FP16; nothing where it is faster for certain."""
    if of_fp16.low >= 1:
        return _NO_FASTER
    return f"{_NOT_SHOWN} ({of_fp16.low:.2f} to {of_fp16.high:.2f} × the time)" if of_fp16.high >= 1 else ""


@dataclass(frozen=True, slots=True)
class Placing:
    """Builds a model in several ways, and compares how long the engines take.

    Args:
        model: the FP32 model, prepared.
        calibration: ranges of the tensors that are to be quantized.
        backend: makes what builds engines of a precision, and begins with the words that it is given what it tells.
    """

    model: Model
    calibration: Calibration
    backend: Callable[[Precision, str], TensorRtBackend]

    def kept_in_floats(self, asked: Exclusion, scales: Int8Scales) -> Exclusion:
        """What is `asked` for, and what TensorRT leaves in floats although `scales` has a scale for everything."""
        with self._implicit(scales) as engine:
            return self._left_by(engine, asked)

    def fastest(self, asked: Exclusion, scales: Int8Scales | None = None) -> Exclusion:
        """The exclusion with which the INT8 engine takes least time, of a few that profiles suggest.

        Args:
            asked: what stays in floats in any case.
            scales: those of an implicit engine, where it can be built: what that leaves in floats is tried first, and
                nothing else if it is as fast.
        """
        with ExitStack() as stack:
            rivals = {FP16: stack.enter_context(self.backend("fp16", _SEARCHING).build(self.model.serialized()))}
            start = asked
            if scales is not None:
                rivals[_IMPLICIT] = stack.enter_context(self._implicit(scales))
                start = self._left_by(rivals[_IMPLICIT], asked)
            best = _Search(self, rivals).best(start)
        took = best.of_fp16.estimate
        _log.info("INT8 takes %.2f × the time of FP16, without %d nodes", took, len(best.exclude.nodes))
        if doubt := _doubt(best.of_fp16):
            _log.warning("%s: %.2f × the time", doubt, took)
        return best.exclude

    def _implicit(self, scales: Int8Scales) -> TensorRtEngine:
        return self.backend("auto", _SEARCHING).build(self.model.serialized(), scales)

    def _left_by(self, engine: TensorRtEngine, asked: Exclusion) -> Exclusion:
        layers = self.backend("auto", _SEARCHING).layers(engine, self.model.serialized())
        kept = inspection.kept_out_of_int8(layers, self.model.proto.graph).nodes
        both = self.without(asked, kept)
        if both is None:
            _log.warning("nothing is faster in INT8 on this GPU; it is built nevertheless, for the comparison")
            return asked
        _log.info("no faster in INT8 on this GPU: %s", ", ".join(kept) or "nothing")
        return both

    def without(self, exclude: Exclusion, nodes: tuple[str, ...]) -> Exclusion | None:
        """`exclude` with more nodes; ``None`` if that would leave nothing in integers."""
        more = replace(exclude, nodes=tuple(dict.fromkeys((*exclude.nodes, *nodes))))
        return more if place(self.model, TARGET, more).nodes else None


@dataclass(frozen=True, slots=True)
class _Trial:
    """A placement that was built: how long it takes beside its rivals, and what for."""

    exclude: Exclusion
    of_fp16: Interval
    of_best: float
    profile: Profiled


@dataclass(frozen=True, slots=True)
class _Search:
    """Tries placements against the engines that are there already."""

    placing: Placing
    rivals: Mapping[str, TensorRtEngine]

    def best(self, start: Exclusion) -> _Trial:
        best = last = self._tried(start, 1)
        if _IMPLICIT in self.rivals and best.of_best <= 1 + _NOISE:
            return best
        floats = self.placing.backend("fp16", _SEARCHING).profile(self.rivals[FP16], self.placing.model.serialized())
        for number in range(2, _TRIALS + 1):
            exclude = self._narrower(last.exclude, no_faster_in_int8(last.profile, floats))
            if exclude is None:
                break
            last = self._tried(exclude, number)
            best = min(best, last, key=lambda trial: trial.of_fp16.estimate)
        return best

    def _narrower(self, exclude: Exclusion, slower: tuple[str, ...]) -> Exclusion | None:
        """Without those too that are slower, or the worse half of them if nothing else would be left."""
        fresh = tuple(node for node in slower if node not in exclude.nodes)
        while fresh:
            narrower = self.placing.without(exclude, fresh)
            if narrower is not None:
                return narrower
            fresh = fresh[: len(fresh) // 2]
        return None

    def _tried(self, exclude: Exclusion, number: int) -> _Trial:
        model, backend = self.placing.model, self.placing.backend("auto", f"placement {number} of at most {_TRIALS}")
        proto = with_qdq(model, place(model, TARGET, exclude), self.placing.calibration)
        paired = SerializedModel(proto.SerializeToString(deterministic=True))
        with backend.build(paired) as engine:
            if backend.progress:
                backend.progress("timing the int8 engine beside the others")
            measured = backend.latencies({**self.rivals, _INT8: engine})
            profile = backend.profile(engine, paired)
        own = measured.pop(_INT8)
        times = {name: latency.p50_ms for name, latency in measured.items()}
        _log.info("INT8 without %d nodes takes %.4f ms, %s", len(exclude.nodes), own.p50_ms, _listed(times))
        return _Trial(exclude, _of(own, measured[FP16]), own.p50_ms / min(times.values()), profile)


def _listed(milliseconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {spent:.4f} ms" for name, spent in milliseconds.items())
