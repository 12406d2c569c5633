"""``quantkit compare``: what INT8 cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quantkit.cli.command import Command, Result
from quantkit.cli.process.terminal import Terminal
from quantkit.cli.work.comparing.options import Compare


@dataclass(frozen=True, slots=True)
class CompareCommand(Compare):
    """Run an FP32 model and INT8 models on the same samples and say what each of them lost.

    With a TensorRT plan among the models, or with --backend tensorrt, all of them run in TensorRT: ONNX models are
    built into engines first, the FP32 one without TF32. Plans are fed with batches of the size that they were built
    for, latency is the GPU's own, and the inspector says what really runs in INT8. A plan is code: one whose record
    (FILE.json) is missing or describes another plan is refused, unless --trust-engine is typed.

    Every figure comes with its number of samples and, where it can be had, a paired 95 % interval. run.json holds
    the figures; the file beside it holds a line for each sample.

    Some metrics go by the samples' file names: face-verification:pairs=CSV (columns a, b, same),
    detection-map:annotations=JSON (COCO's format), segmentation-miou:masks=FOLDER. psnr:peak=1 and ssim:peak=1 judge
    images, with truth=FOLDER against the true ones. A function of your own, package.module:function, is called with
    the reference's outputs, the candidate's outputs and the labels of each batch; it returns a score for each sample,
    or {"reference": ..., "candidate": ...} of such. Its module has to be importable, as through PYTHONPATH.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "resnet50.onnx resnet50.int8.onnx --data val/ --labels val.csv --preprocess imagenet",
        "model.onnx max.int8.onnx entropy.int8.onnx --data val.npz --metric top1,sqnr -o nightly.json",
        "faces.onnx faces.int8.onnx --data faces/ --preprocess faces.toml --metric face-verification:pairs=pairs.csv",
        "model.onnx max.plan entropy.plan --data val/ --preprocess imagenet",
    )

    def run(self, terminal: Terminal) -> Result:
        """Compares, writes, shows."""
        from quantkit.cli.work.comparing import running

        return running.compared(self, terminal)


plugin: type[Command] = CompareCommand
