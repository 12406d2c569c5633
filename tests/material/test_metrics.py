"""Real embeddings of real faces, judged."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import quantkit
from quantkit.core.arrays import Array
from quantkit.core.comparison import Comparison
from quantkit.data.preprocessing import Preprocessing
from quantkit.data.reading import Reading

pytestmark = pytest.mark.material

CENTRED = Preprocessing(color="rgb", scale=1.0, mean=(127.5,) * 3, std=(128.0,) * 3)


@dataclass(frozen=True)
class Faces:
    comparison: Comparison
    embeddings: dict[str, Array]


@pytest.fixture(scope="module")
def faces(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Faces:
    model = quantkit.load_model(material / "models" / "face" / "mobilefacenet_casia_112x96.onnx")
    images = material / "faces" / "aligned"
    source = quantkit.open_source(images, preprocessing=CENTRED, reading=Reading(batch_size=16))
    few = quantkit.open_source(f"{images}/*50.jpg", preprocessing=CENTRED, reading=Reading(batch_size=16))
    calibration = quantkit.calibrate_ranges(quantkit.collect(model, few), "max")
    int8 = quantkit.quantize(model, calibration, to=tmp_path_factory.mktemp("faces") / "faces.int8.onnx")
    metrics = (f"face-verification:pairs={material / 'faces' / 'pairs.csv'}", "tests.material.test_metrics:norms")
    how = quantkit.Comparing(metrics=metrics, threads=2, stopwatch=None)
    LAST.clear()
    return Faces(quantkit.compare(model, int8, source, how=how), dict(LAST))


# Embeddings by sample number, taken down by a metric of our own as they pass.
LAST: dict[str, Array] = {}


def norms(reference: dict[str, Array], candidate: dict[str, Array], labels: Array | None) -> dict[str, Array]:
    for name, outputs in (("reference", reference), ("candidate", candidate)):
        LAST[name] = np.concatenate([*([LAST[name]] if name in LAST else []), outputs["embedding"]])
    return {
        name: np.linalg.norm(outputs["embedding"], axis=1)
        for name, outputs in (("reference", reference), ("candidate", candidate))
    }


def accuracy(embeddings: Array, names: list[str], pairs: Path) -> float:
    """Ten folds over a plain list of pairs, threshold by threshold."""
    units = embeddings / np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    places = {name: number for number, name in enumerate(names)}
    lines = list(csv.DictReader(pairs.read_text().splitlines()))
    similarity = np.array([units[places[line["a"]]] @ units[places[line["b"]]] for line in lines])
    same = np.array([line["same"] == "1" for line in lines])
    fold = np.zeros(len(same), int)
    fold[same], fold[~same] = np.arange(same.sum()) % 10, np.arange((~same).sum()) % 10
    right = 0
    for number in range(10):
        others = fold != number
        ranked = np.sort(similarity[others])
        thresholds = [-np.inf, *((ranked[1:] + ranked[:-1]) / 2), np.inf]
        scores = [np.sum((similarity[others] >= threshold) == same[others]) for threshold in thresholds]
        threshold = thresholds[int(np.argmax(scores))]
        right += int(np.sum((similarity[~others] >= threshold) == same[~others]))
    return right / len(same)


def test_faces_are_told_as_well_as_the_network_is_known_for(faces: Faces, material: Path) -> None:
    """97.9 % on 2,400 pairs; of these 700 a deviation is 0.6 points."""
    (outcome,) = faces.comparison.candidates
    summary = outcome.metric("face-verification")
    assert summary is not None
    assert summary.reference is not None
    assert summary.reference == pytest.approx(0.979, abs=0.018)
    assert summary.facts["pairs"] == 700
    names, pairs = list(faces.comparison.samples), material / "faces" / "pairs.csv"
    assert summary.reference == pytest.approx(accuracy(faces.embeddings["reference"], names, pairs))
    assert summary.candidate == pytest.approx(accuracy(faces.embeddings["candidate"], names, pairs))


def test_a_function_of_ones_own_is_judged_beside_it(faces: Faces) -> None:
    (outcome,) = faces.comparison.candidates
    summary = outcome.metric("tests.material.test_metrics:norms")
    assert summary is not None
    assert summary.reference == pytest.approx(float(np.linalg.norm(faces.embeddings["reference"], axis=1).mean()))
    assert len(outcome.rows["tests.material.test_metrics:norms"]) == 1232
