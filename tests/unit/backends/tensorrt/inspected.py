"""Engines of the stand-in that say of some nodes what TensorRT may decide: integers are no faster there."""

from __future__ import annotations

import json

import pytest

from tests.unit.backends.tensorrt.fakes import trt


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
