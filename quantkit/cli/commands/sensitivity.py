"""``quantkit sensitivity``: which layers cost accuracy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.sensing.options import Sense


@dataclass(frozen=True, slots=True)
class SensitivityCommand(Sense):
    """Say what each layer costs in INT8, by its weights and its activations, and which to leave in FP32.

    Every layer is measured twice: quantized alone in a network of floats ("only"), and left in FP32 in a network of
    integers ("all but"). The measure is the signal-to-noise ratio at the network's outputs, which needs no labels and
    few samples; --metric adds others. One engine serves all of this, by rounding in floating point. Then the worst
    layers are left out together, 1, 2, 4, 8 and so on, and these models are really quantized and compared.

    What to do stands at the end, with what shows it. Where the data has labels, accuracy decides: INT8 that shows no
    loss needs nothing left out. More layers than necessary are never advised: those that are advised are shown, sample
    by sample, to give something back, and fewer of them to give back less.

    --data is read for 64 samples, chosen by --seed, unless --max-samples or --sample-fraction say otherwise.

    --time-limit is for all of it: the measuring stops early enough for the comparison to end in time as well, on fewer
    samples where that is needed. The worst layers are then known best, and the output says what was not measured and
    which command measures it.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx --data val/ --preprocess imagenet --calib out/entropy.qcal.json",
        "model.onnx --data val/ --preprocess imagenet --labels val.csv --metric top1 --max-samples 256",
        "model.onnx --data val.npz --statistics out/statistics.safetensors --method mse --target tensorrt",
        "model.onnx --data val/ --preprocess imagenet --dry-run",
    )
    KEEPS_TIME: ClassVar[bool] = True

    def run(self, terminal: Terminal) -> Result:
        """Measures, writes, shows."""
        # Loading the libraries is a part of the time that the command takes.
        started = time.monotonic()
        from quantkit.cli.work.sensing import running

        return running.measured(self, terminal, started=started)


plugin: type[Command] = SensitivityCommand
