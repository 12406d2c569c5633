"""``quantkit calibrate``: the whole job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.job.options import Calibrate


@dataclass(frozen=True, slots=True)
class CalibrateCommand(Calibrate):
    """Calibrate a model, write it in INT8 by every rule asked for, and compare them all with FP32.

    One pass over the calibration data serves every threshold rule. The output folder holds the statistics
    (statistics.safetensors), the ranges of each rule (RULE.qcal.json), a model for each (NAME.RULE.int8.onnx), the
    comparison (run.json and samples.jsonl) and a report (report.md; with plots, report.html and layers.json, where
    Plotly is installed).

    Accuracy is measured on --eval, which must be other data than --data. Without it the models are compared on the
    calibration data, by how far their answers differ and not by accuracy.

    With --backend tensorrt the models become TensorRT engines on this GPU, for batches of up to --batch-size: FP32 and
    FP16, and INT8 by every rule, from Q/DQ models in which nothing is quantized that is no faster for it. Each is kept
    (NAME.RULE.plan, with a record beside it), and latency is the GPU's own.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx --data calib/ --eval val/ --preprocess imagenet",
        "resnet50.onnx --data calib/ --preprocess imagenet -o resnet50.qcal.json",
        "model.onnx --data calib.npz --method max,entropy,mse --target tensorrt -o out/",
        "model.onnx --data calib/ --eval val/ --preprocess imagenet --backend tensorrt --batch-size 32",
        "model.onnx --data calib/ --preprocess my.toml --shard 1/4 --until statistics -o part1/",
        "model.onnx --statistics out/statistics.safetensors --method percentile --until model -o other/",
        "--resume .quantkit/run-7f3a21cc.jsonl",
    )

    def run(self, terminal: Terminal) -> Result:
        """Does the job, or the rest of one that was interrupted."""
        from quantkit.cli.work.job import running

        return running.resumed(self, terminal) if self.resume else running.started(self, terminal)


plugin: type[Command] = CalibrateCommand
