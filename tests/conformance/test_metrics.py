"""Every metric keeps what its port promises."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantkit.comparison.evaluation import KEPT
from quantkit.comparison.metrics import by_name, every_metric
from quantkit.core import plugins
from quantkit.core.arrays import Array, Batch
from quantkit.core.comparison import MetricSummary
from quantkit.core.json_values import decoded, encoded
from quantkit.core.ports import Answers, Metric
from quantkit.core.statistics import SampleId
from tests.fake_comparison import digits_like

NAMES = plugins.names("quantkit.comparison.metrics")
PLAIN = ["agreement", "cosine", "max-error", "sqnr", "top1", "top5"]
COUNT = 24
SOURCE = digits_like(COUNT)
IDS = tuple(SampleId(f"eval/{number:04d}.png", f"{number:064x}") for number in range(COUNT))


@dataclass(frozen=True)
class Case:
    """A metric that is ready, outputs that it applies to, and where a test may put something strange."""

    metric: Metric
    outputs: Batch
    strange: str

    def answers(self, noise: float = 0.3, rows: slice = slice(None)) -> Answers:
        assert SOURCE.labels is not None
        generator = np.random.default_rng(0)
        candidate = {
            name: (values + generator.normal(0, noise, values.shape)).astype(values.dtype)
            for name, values in self.outputs.items()
        }
        mine, theirs = ({name: values[rows] for name, values in side.items()} for side in (self.outputs, candidate))
        return Answers(mine, theirs, SOURCE.labels[rows], IDS[rows])

    def summary(self, noise: float) -> MetricSummary:
        return self.metric.summary(self.metric.rows(self.answers(noise)))


def correct(reference: Batch, candidate: Batch, labels: Array | None) -> dict[str, Array]:
    """A metric as a person would write one."""
    (mine,), (theirs,) = reference.values(), candidate.values()
    return {"reference": mine.argmax(axis=1) == labels, "candidate": theirs.argmax(axis=1) == labels}


def _faces(folder: Path) -> tuple[str, Batch, str]:
    people = np.random.default_rng(1).normal(size=(COUNT // 2, 8)).astype(np.float32)
    embeddings = np.repeat(people, 2, axis=0)
    same = [(number, number + 1, 1) for number in range(0, COUNT, 2)]
    pairs = [*same, *((first, (first + 5) % COUNT, 0) for first in range(COUNT))]
    lines = [f"{first:04d}.png,{second:04d}.png,{same}" for first, second, same in pairs]
    (folder / "pairs.csv").write_text("\n".join(["a,b,same", *lines]))
    return f"pairs={folder / 'pairs.csv'}", {"y": embeddings}, "y"


def _objects(folder: Path) -> tuple[str, Batch, str]:
    generator = np.random.default_rng(2)
    corners = generator.uniform(0, 50, (COUNT, 3, 2))
    boxes = np.concatenate([corners, corners + generator.uniform(20, 40, (COUNT, 3, 2))], axis=2).astype(np.float32)
    annotations = [
        {"id": 3 * image + number, "image_id": image, "category_id": 7, "iscrowd": 0}
        | {"bbox": [float(v) for v in (*box[:2], *(box[2:] - box[:2]))]}
        for image in range(COUNT)
        for number, box in enumerate(boxes[image])
    ]
    images = [{"id": n, "file_name": f"{n:04d}.png", "width": 100, "height": 100} for n in range(COUNT)]
    document = {"images": images, "annotations": annotations, "categories": [{"id": 7}]}
    (folder / "objects.json").write_text(json.dumps(document))
    outputs: Batch = {
        "boxes": boxes,
        "scores": np.full((COUNT, 3), 5, np.float32),
        "classes": np.zeros((COUNT, 3), np.int64),
    }
    return f"annotations={folder / 'objects.json'}", outputs, "boxes"


def _regions(folder: Path) -> tuple[str, Batch, str]:
    (folder / "masks").mkdir(exist_ok=True)
    scores = np.random.default_rng(3).normal(size=(COUNT, 3, 6, 5)).astype(np.float32)
    for number in range(COUNT):
        np.save(folder / "masks" / f"{number:04d}.npy", scores[number].argmax(axis=0).astype(np.uint8))
    return f"masks={folder / 'masks'}", {"y": scores}, "y"


def _pictures(folder: Path) -> tuple[str, Batch, str]:
    return "peak=1", {"y": np.random.default_rng(4).uniform(0, 1, (COUNT, 3, 12, 16)).astype(np.float32)}, "y"


def _scores(folder: Path) -> tuple[str, Batch, str]:
    return "", {"y": SOURCE.inputs}, "y"


def _function(folder: Path) -> tuple[str, Batch, str]:
    return "function=tests.conformance.test_metrics:correct", {"y": SOURCE.inputs}, "y"


OTHERS: dict[str, Callable[[Path], tuple[str, Batch, str]]] = {
    "detection-map": _objects,
    "face-verification": _faces,
    "psnr": _pictures,
    "python": _function,
    "segmentation-miou": _regions,
    "ssim": _pictures,
}


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    name = request.param
    options, outputs, strange = OTHERS.get(name, _scores)(tmp_path)
    (metric,) = by_name([f"{name}:{options}" if options else name]).values()
    return Case(metric, outputs, strange)


def test_a_metric_is_known_by_the_name_of_its_file() -> None:
    assert sorted([*PLAIN, *OTHERS]) == NAMES


def test_what_needs_options_is_computed_only_when_it_is_named() -> None:
    assert list(every_metric()) == PLAIN


def test_the_summary_carries_the_plug_ins_name_and_the_number_of_what_it_counted(
    case: Case, request: pytest.FixtureRequest
) -> None:
    assert case.metric.obstacle(case.answers()) is None
    summary = case.summary(0.3)
    assert summary.samples == summary.facts.get("pairs", COUNT)
    assert summary.unit in {"share", "dB", ""}
    name = request.node.callspec.params["case"]
    assert summary.metric == ("tests.conformance.test_metrics:correct" if name == "python" else name)


def test_rows_are_a_value_for_each_sample_and_some_are_kept(case: Case) -> None:
    rows = case.metric.rows(case.answers())
    assert all(len(column) == COUNT for column in rows.values())
    assert any(column.dtype.name in KEPT and column.ndim == 1 for column in rows.values())


@given(cut=st.integers(1, COUNT - 1))
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_of_two_batches_are_those_of_one(case: Case, cut: int) -> None:
    parts = [case.metric.rows(case.answers(rows=piece)) for piece in (slice(None, cut), slice(cut, None))]
    whole = case.metric.rows(replace(case.answers()))
    joined = {column: np.concatenate([rows[column] for rows in parts]) for column in whole}
    for column, values in whole.items():
        if values.dtype != np.object_:
            assert np.array_equal(joined[column], values)
    assert case.metric.summary(joined) == case.metric.summary(whole)


def test_a_perfect_candidate_has_the_best_figure_there_is(case: Case) -> None:
    same, worse = (case.summary(noise) for noise in (0.0, 2.0))
    assert same.higher_is_better == (same.candidate > worse.candidate)
    if same.difference:
        assert same.difference.estimate == 0
        assert same.candidate == same.reference


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 3e38], ids=str)
def test_any_candidate_gives_a_figure_that_is_a_number(case: Case, value: float) -> None:
    strange: Array = case.outputs[case.strange].copy()
    strange[::3, 0] = value
    candidate = {**case.outputs, case.strange: strange}
    summary = case.metric.summary(case.metric.rows(Answers(case.outputs, candidate, SOURCE.labels, IDS)))
    assert not math.isnan(summary.candidate)
    for interval in (summary.difference, summary.interval):
        assert interval is None or interval.low <= interval.estimate <= interval.high


def test_interval_and_figures_survive_json(case: Case) -> None:
    facts = case.summary(0.0).facts
    assert decoded(encoded(dict(facts))).keys() == facts.keys()


@pytest.mark.parametrize("name", PLAIN)
def test_an_embedding_without_labels_has_no_accuracy(name: str) -> None:
    embedding = {"embedding": np.random.default_rng(1).normal(size=(5, 128)).astype(np.float32)}
    obstacle = by_name([name])[name].obstacle(Answers(embedding, embedding))
    assert (obstacle is not None) == (name in {"top1", "top5", "agreement"})
    assert obstacle is None or obstacle.certain == (name != "agreement")


@pytest.mark.parametrize("name", ["detection-map", "face-verification", "segmentation-miou"])
def test_a_metric_that_goes_by_names_needs_them(name: str, tmp_path: Path) -> None:
    options, outputs, _ = OTHERS[name](tmp_path)
    (metric,) = by_name([f"{name}:{options}"]).values()
    obstacle = metric.obstacle(Answers(outputs, outputs))
    assert obstacle is not None
    assert "the samples have no names" in obstacle.reason
