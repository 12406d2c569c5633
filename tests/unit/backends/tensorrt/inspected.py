"""Engines of the stand-in that say of some nodes what TensorRT may decide, or take as long: integers are no faster
there."""

from __future__ import annotations

import json
from collections.abc import Mapping

import onnx
import pytest

from tests.unit.backends.tensorrt.fakes import trt

PAIR = ("QuantizeLinear", "DequantizeLinear")


def take(
    monkeypatch: pytest.MonkeyPatch, in_int8: Mapping[str, float], *, pair: float = 0.0, floats: float = 2.0
) -> None:
    """From here on nodes take `floats` milliseconds, in integers what is listed, and Q and DQ `pair`."""

    def spent(node: onnx.NodeProto, precision: str) -> float:
        if node.op_type in PAIR:
            return pair
        reads_codes = any(name.endswith("_dequantized") for name in node.input)
        return in_int8[node.name] if node.name in in_int8 and reads_codes else floats

    monkeypatch.setattr(trt, "spent", spent)


def keep_in_floats(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """From here on INT8 engines compute these nodes in FP16."""
    inspected = trt.EngineInspector.get_engine_information

    def told(inspector: trt.EngineInspector, how: trt.LayerInformationFormat) -> str:
        information = json.loads(inspected(inspector, how))
        for layer in information["Layers"]:
            if layer["Name"] in names:
                layer["Weights"]["Type"] = "Half"
        return json.dumps(information)

    monkeypatch.setattr(trt.EngineInspector, "get_engine_information", told)
