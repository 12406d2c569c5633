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
from quantkit.core.comparison import Latency
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

# Placements that are built and measured; each is guided by the profile of the one before.
_TRIALS = 4

# Engines that are built twice differ by that much.
_NOISE = 0.02


def notes_on_speed(latencies: Mapping[str, Latency]) -> tuple[str, ...]:
    """What has to be said of measured engines: that no other than the FP16 one is worth its errors, where it is so.

    Args:
        latencies: candidate → its latency.
    """
    others = {name: latency.p50_ms for name, latency in latencies.items() if name != FP16}
    if FP16 not in latencies or not others:
        return ()
    best, half_ms = min(others, key=lambda name: others[name]), latencies[FP16].p50_ms
    if others[best] < half_ms:
        return ()
    return (f"{_NO_FASTER}: {best} takes {others[best]:.3f} ms, {FP16} {half_ms:.3f} ms",)


@dataclass(frozen=True, slots=True)
class Placing:
    """Builds a model in several ways, and compares how long the engines take.

    Args:
        model: the FP32 model, prepared.
        calibration: ranges of the tensors that are to be quantized.
        backend: makes what builds engines of a precision.
    """

    model: Model
    calibration: Calibration
    backend: Callable[[Precision], TensorRtBackend]

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
            rivals = {FP16: stack.enter_context(self.backend("fp16").build(self.model.serialized()))}
            start = asked
            if scales is not None:
                rivals[_IMPLICIT] = stack.enter_context(self._implicit(scales))
                start = self._left_by(rivals[_IMPLICIT], asked)
            best = _Search(self, rivals).best(start)
        _log.info("INT8 takes %.2f × the time of FP16, without %d nodes", best.of_fp16, len(best.exclude.nodes))
        if best.of_fp16 >= 1:
            _log.warning("%s: %.2f × the time", _NO_FASTER, best.of_fp16)
        return best.exclude

    def _implicit(self, scales: Int8Scales) -> TensorRtEngine:
        return self.backend("auto").build(self.model.serialized(), scales)

    def _left_by(self, engine: TensorRtEngine, asked: Exclusion) -> Exclusion:
        layers = self.backend("auto").layers(engine, self.model.serialized())
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
    of_fp16: float
    of_best: float
    profile: Profiled


@dataclass(frozen=True, slots=True)
class _Search:
    """Tries placements against the engines that are there already."""

    placing: Placing
    rivals: Mapping[str, TensorRtEngine]

    def best(self, start: Exclusion) -> _Trial:
        best = last = self._tried(start)
        if _IMPLICIT in self.rivals and best.of_best <= 1 + _NOISE:
            return best
        floats = self.placing.backend("fp16").profile(self.rivals[FP16], self.placing.model.serialized())
        for _ in range(_TRIALS - 1):
            exclude = self._narrower(last.exclude, no_faster_in_int8(last.profile, floats))
            if exclude is None:
                break
            last = self._tried(exclude)
            best = min(best, last, key=lambda trial: trial.of_fp16)
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

    def _tried(self, exclude: Exclusion) -> _Trial:
        model, backend = self.placing.model, self.placing.backend("auto")
        proto = with_qdq(model, place(model, TARGET, exclude), self.placing.calibration)
        paired = SerializedModel(proto.SerializeToString(deterministic=True))
        with backend.build(paired) as engine:
            measured = backend.latencies({**self.rivals, _INT8: engine})
            profile = backend.profile(engine, paired)
        times = {name: latency.p50_ms for name, latency in measured.items()}
        own = times.pop(_INT8)
        _log.info("INT8 without %d nodes takes %.4f ms, %s", len(exclude.nodes), own, _listed(times))
        return _Trial(exclude, own / times[FP16], own / min(times.values()), profile)


def _listed(milliseconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {spent:.4f} ms" for name, spent in milliseconds.items())
