"""The networks of the GPU benchmarks, and all that a run needs of them gathered in one folder.

    python -m benchmarks.gpu_networks FOLDER [--network NAME ...]

Run here, without a GPU: copies models and images, and adds the thresholds of all rules, so that the GPU's time goes
into engines. On the GPU machine QUANTKIT_MATERIAL names the folder.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import quantkit
from benchmarks import material
from quantkit.core.ports import BatchSource
from quantkit.data.arrays import from_arrays
from quantkit.data.reading import Reading
from quantkit.pipeline.collecting import Collecting

BATCH = 32
CALIBRATE_ON = 256
RULES = ("max", "entropy", "percentile", "mse")

Sources = Callable[[], tuple[BatchSource, BatchSource]]


@dataclass(frozen=True)
class Network:
    """A network and its data."""

    name: str
    file: str
    sources: Sources
    input: str
    folders: tuple[str, ...]
    pairs: str = ""

    @cached_property
    def model(self) -> quantkit.Model:
        return quantkit.load_model(material.ROOT / self.file)

    @cached_property
    def data(self) -> tuple[BatchSource, BatchSource]:
        """Calibration and evaluation samples, read once and kept, in batches of the size that engines take."""
        calibration, evaluation = self.sources()
        return self._kept(calibration), self._kept(evaluation)

    def _kept(self, source: BatchSource) -> BatchSource:
        batches = list(source)
        images = np.concatenate([samples.inputs[next(iter(samples.inputs))] for samples in batches])
        known = [samples.labels for samples in batches if samples.labels is not None]
        labels = np.concatenate(known) if len(known) == len(batches) else None
        return from_arrays({self.input: images}, labels, reading=Reading(batch_size=BATCH))

    def thresholds(self, rule: str) -> Path:
        return material.ROOT / "thresholds" / self.name / f"{rule}.qcal.json"


NETWORKS = (
    Network(
        "squeezenet1.1",
        "models/imagenet/squeezenet1.1_imagenet.onnx",
        lambda: material.imagenet(material.TORCH, calibrate_on=CALIBRATE_ON),
        "data",
        ("imagenet",),
    ),
    Network(
        "mobilenet_v2",
        "models/imagenet/mobilenet_v2_1.0_224_imagenet.onnx",
        lambda: material.imagenet(material.TENSORFLOW, calibrate_on=CALIBRATE_ON, offset=1),
        "input",
        ("imagenet",),
    ),
    Network(
        "mobilefacenet",
        "models/face/mobilefacenet_casia_112x96.onnx",
        lambda: material.faces("aligned", material.MOBILEFACENET, calibrate_on=CALIBRATE_ON),
        "input",
        ("faces/aligned",),
        pairs="faces/pairs.csv",
    ),
)


def prepare(folder: Path, networks: list[Network]) -> None:
    """Copies what a run needs and adds thresholds, so that the GPU's time goes into engines."""
    for network in networks:
        for name in (network.file, *network.folders, *filter(None, [network.pairs])):
            source, target = material.ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(source, target)
        # Without Q/DQ nodes TensorRT wants a scale for every tensor, not for products' inputs alone.
        statistics = quantkit.collect(network.model, network.data[0], how=Collecting(everything=True))
        for rule in RULES:
            calibration = quantkit.calibrate_ranges(statistics, rule, symmetric=True)
            calibration.save(folder / network.thresholds(rule).relative_to(material.ROOT))
        print(f"{network.name}: {len(statistics.histograms)} tensors of {len(statistics.samples)} samples", flush=True)


def chosen(names: list[str] | None) -> list[Network]:
    """The networks of these names, or all."""
    return [network for network in NETWORKS if not names or network.name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", nargs="*", choices=[network.name for network in NETWORKS])
    options = parser.parse_args()
    prepare(options.folder, chosen(options.network))


if __name__ == "__main__":
    main()
