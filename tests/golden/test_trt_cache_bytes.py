"""The bytes of calibration caches, written by hand from the format's description."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from quantkit.core.trt_cache import Header, LegacyHeader, TensorrtCache

HOSTILE = {
    "images": 1 / 127,
    "/conv1/Conv_output_0": 1.0,
    "onnx::Relu_12": np.pi,
    "a: b": 1 / 127,
    "café ☕": 2.0**-63,
    "(Unnamed Layer* 8) [Constant]_output": 2.0**63,
}


@pytest.mark.parametrize(
    ("name", "header", "scales"),
    [
        ("entropy2", Header(), HOSTILE),
        ("trt10", Header.of("10.3.0", "MinMaxCalibration"), {"images": 1 / 127}),
        ("legacy", LegacyHeader(quantile=0.99, cutoff=0.5), {"data": 1.0}),
    ],
    ids=["entropy2", "trt10", "legacy"],
)
def test_a_cache_has_these_bytes(
    golden: Callable[[str, bytes], None], name: str, header: Header | LegacyHeader, scales: Mapping[str, float]
) -> None:
    cache = TensorrtCache(header, {tensor: np.float32(scale) for tensor, scale in scales.items()})
    golden(f"trt_cache/{name}.cache", cache.to_bytes())


def test_merged_caches_have_these_bytes(golden: Callable[[str, bytes], None]) -> None:
    backbone = TensorrtCache(Header.of("9.2"), {"images": np.float32(1 / 127), "a: b": np.float32(0.5)})
    head = TensorrtCache(Header(), {"logits": np.float32(np.pi), "a: b": np.float32(0.5)})
    golden("trt_cache/merged.cache", backbone.merged(head).to_bytes())
