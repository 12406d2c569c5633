"""Ranges as a calibration cache for TensorRT up to 10."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from quantkit.core import trt_cache_file
from quantkit.core.artifact import Artifact
from quantkit.core.calibration import Calibration
from quantkit.core.ports import Exporter
from quantkit.core.trt_cache import ENTROPY_2, Header, TensorrtCache, constants
from quantkit.core.trt_cache_file import Origin
from quantkit.graph.model import Model
from quantkit.graph.scales import completed

_log = logging.getLogger(__name__)

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class TrtCacheExporter:
    """Writes a cache that a calibrator hands to TensorRT instead of batches, and its sidecar.

    Any rule's ranges go under the name of the entropy 2 calibrator, the one that every device takes.

    Args:
        tensorrt: the version that is to read it; 8 and 9 read each other's caches, 10 looks for its own.
        algorithm: the calibrator that is to offer it; one of `quantkit.core.trt_cache.ALGORITHMS`.
    """

    tensorrt: str = "8.5.3"
    algorithm: str = ENTROPY_2

    def write(self, model: Model, calibration: Calibration, to: Path) -> Artifact:
        """A scale for every calibrated tensor, and for those that only move, join or clamp such tensors.

        Raises:
            ArtifactError: the calibration belongs to another model, or a range that no scale holds.
            SetupError: a file cannot be written.
        """
        calibration.refuse_other_model(model.digest)
        own = TensorrtCache.of(calibration, Header.of(self.tensorrt, self.algorithm))
        cache = replace(own, scales=completed(model, own.scales))
        always_zero = constants(calibration)
        if always_zero:
            _log.warning("always 0, and so with scale 1 (%d): %s", len(always_zero), ", ".join(always_zero[:_SHOWN]))
        written = trt_cache_file.save(cache, to, Origin(calibration.rule, calibration.provenance))
        facts = {"following": len(cache.scales) - len(own.scales), "constant": always_zero}
        return replace(written, facts={**written.facts, **facts})


plugin: type[Exporter[Model]] = TrtCacheExporter
