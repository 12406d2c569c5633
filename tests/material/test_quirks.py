"""Odd real models are quantized and run, or refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.core.arrays import Array
from quantkit.core.errors import ModelError
from quantkit.pipeline.collecting import Collecting
from quantkit.pipeline.comparing import Comparing

pytestmark = pytest.mark.material


@dataclass(frozen=True)
class Quirk:
    """A model, what is odd about it, and the shapes of its inputs; `fixed` inputs are fed as they are."""

    file: str
    shapes: dict[str, tuple[int, ...]]
    fixed: dict[str, Array] | None = None

    def batches(self, count: int = 12) -> list[dict[str, Array]]:
        rng = np.random.default_rng(0)
        drawn = [
            {name: rng.normal(size=shape).astype(np.float32) for name, shape in self.shapes.items()}
            for _ in range(count)
        ]
        return [batch | (self.fixed or {}) for batch in drawn]


QUIRKS = {
    "an LSTM, two inputs": Quirk("audio/dtln_model_1_lstm.onnx", {"input_2": (1, 1, 257), "input_3": (1, 2, 128, 2)}),
    "GRU, ScatterND, ConvTranspose": Quirk(
        "audio/gtcrn_simple.onnx",
        {
            "mix": (1, 257, 1, 2),
            "conv_cache": (2, 1, 16, 16, 33),
            "tra_cache": (2, 3, 1, 1, 16),
            "inter_cache": (2, 1, 33, 16),
        },
    ),
    "weights inside If": Quirk(
        "audio/silero_vad_op18_ifless.onnx",
        {"input": (1, 576), "state": (2, 1, 128)},
        {"sr": np.array(16000, np.int64)},
    ),
    "weights in Constant nodes": Quirk("ocr/ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x": (1, 3, 48, 192)}),
    "NHWC in, NCHW out, free sizes": Quirk("sr/FSRCNN_x2.onnx", {"IteratorGetNext:0": (1, 32, 32, 1)}),
    "initializers among the inputs": Quirk("sr/super-resolution-10.onnx", {"input": (1, 1, 224, 224)}),
    "opset 9, unfolded BatchNorm": Quirk("face/ultraface_version-RFB-320.onnx", {"input": (1, 3, 240, 320)}),
    "opset 9, simplified": Quirk("face/ultraface_version-slim-320_simplified.onnx", {"input": (1, 3, 240, 320)}),
    "free height and width": Quirk("face/yunet_n_dynamic.onnx", {"input": (1, 3, 160, 160)}),
}


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=QUIRKS)
def test_it_is_quantized_and_runs(quirk: Quirk, target: str, material: Path, tmp_path: Path) -> None:
    model = quantkit.load_model(material / "models" / quirk.file, upgrade_opset=True)
    statistics = quantkit.collect(model, quirk.batches(), how=Collecting(targets=(target,)))
    calibration = quantkit.calibrate_ranges(statistics, "mse", symmetric=target == "tensorrt")
    int8 = quantkit.quantize(model, calibration, to=tmp_path / "int8.onnx", target=target)
    onnx.checker.check_model(str(int8.path), full_check=True)
    how = Comparing(metrics=("sqnr",), stopwatch=None)
    (outcome,) = quantkit.compare(model, int8, quirk.batches(4), how=how).candidates
    # Noise has no meaning to these networks; what is shown is that the INT8 model still answers as the float one does.
    assert outcome.metrics[0].candidate > 3


def test_a_model_that_is_quantized_already_is_recognized(material: Path) -> None:
    quantized = material / "models" / "imagenet" / "mobilenet_v2_1.0_224_qat_uint8_qdq.onnx"
    with pytest.raises(ModelError, match=r"QK3017.*already quantized"):
        quantkit.load_model(quantized)


def test_an_old_opset_is_refused_with_the_way_out(material: Path) -> None:
    with pytest.raises(ModelError, match="--upgrade-opset"):
        quantkit.load_model(material / "models" / "sr" / "super-resolution-10.onnx")
