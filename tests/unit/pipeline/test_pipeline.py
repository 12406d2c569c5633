"""From a model and data to a comparison, on the digits that come with the project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.calibrators.percentile import PercentileCalibrator
from quantkit.core import run_document, statistics_file
from quantkit.core.errors import ArtifactError, DataError, ModelError, TooLittleError, UsageError
from quantkit.core.ports import BatchSource, Samples
from quantkit.core.statistics import Statistics
from quantkit.core.timing import time_ratio
from quantkit.data.batches import Batches
from quantkit.data.selection import Selection
from quantkit.pipeline import collecting
from quantkit.pipeline.collecting import Collecting
from quantkit.pipeline.comparing import Comparing
from quantkit.stats.collector import Checkpoint

UNTIMED = Comparing(stopwatch=None)


@pytest.fixture(scope="module")
def model(digits: Path) -> quantkit.Model:
    return quantkit.load_model(digits / "model.onnx")


@pytest.fixture(scope="module")
def data(digits: Path) -> Batches:
    return opened(digits, "calib")


@pytest.fixture(scope="module")
def statistics(model: quantkit.Model, data: Batches) -> Statistics:
    return quantkit.collect(model, data)


def opened(digits: Path, part: str, max_samples: int | None = None) -> Batches:
    return quantkit.open_source(
        digits / part, preprocessing=digits / "preprocess.toml", selection=Selection(max_samples=max_samples)
    )


class Interrupted:
    """A source that ends with an error after some batches."""

    def __init__(self, source: BatchSource, batches: int) -> None:
        self.source, self.batches = source, batches

    @property
    def size(self) -> int | None:
        return self.source.size

    @property
    def preprocessing(self) -> dict[str, object]:
        return dict(self.source.preprocessing)

    def __iter__(self) -> Iterator[Samples]:
        for number, samples in enumerate(self.source):
            if number == self.batches:
                raise KeyboardInterrupt
            yield samples


def test_every_sample_is_proven_used(statistics: Statistics, digits: Path) -> None:
    files = sorted(path.relative_to(digits / "calib").as_posix() for path in (digits / "calib").glob("*/*.png"))
    assert [sample.name for sample in statistics.samples] == files


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_give_the_same_statistics(
    threads: int, model: quantkit.Model, data: Batches, statistics: Statistics
) -> None:
    assert quantkit.collect(model, data, how=Collecting(threads=threads)) == statistics


def test_a_tensor_that_is_put_together_from_others_is_counted_exactly(
    model: quantkit.Model, statistics: Statistics
) -> None:
    (joined,) = [node.output[0] for node in model.proto.graph.node if node.op_type == "Concat"]
    parts = next(node.input for node in model.proto.graph.node if node.op_type == "Concat")
    counts = [statistics.histograms[part].count for part in parts]
    assert statistics.histograms[joined].count == sum(counts)


def test_channel_extrema_are_kept_for_the_tensors_asked_for(model: quantkit.Model, data: Batches) -> None:
    how = Collecting(channels={"stem": 1})
    channels = quantkit.collect(model, data, how=how).channels["stem"]
    histogram = quantkit.collect(model, data).histograms["stem"]
    assert (channels.low.min(), channels.high.max()) == (histogram.low, histogram.high)


def test_an_interrupted_run_goes_on_to_the_identical_result(
    model: quantkit.Model, data: Batches, statistics: Statistics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "Checkpoint", partial(Checkpoint, every_s=0.0))
    checkpoint = tmp_path / "statistics.safetensors"
    with pytest.raises(KeyboardInterrupt):
        quantkit.collect(model, Interrupted(data, 5), checkpoint=checkpoint)
    assert 0 < len(statistics_file.load(checkpoint).samples) < 256
    told: list[int] = []
    resumed = quantkit.collect(model, data, checkpoint=checkpoint, progress=lambda done, total: told.append(done))
    assert resumed == statistics
    assert told[0] > 16
    assert told[-1] == 256


def test_a_checkpoint_of_other_data_is_refused(model: quantkit.Model, digits: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "statistics.safetensors"
    statistics_file.save(quantkit.collect(model, opened(digits, "calib", max_samples=8)), checkpoint)
    other = quantkit.open_source(
        digits / "calib",
        preprocessing=replace(quantkit.Preprocessing(), color="gray", resize=(32, 32), mean=(0.5,), std=(1.0,)),
    )
    with pytest.raises(ArtifactError, match=r"QK3215.*\n.*\ncause: preprocessing"):
        quantkit.collect(model, other, checkpoint=checkpoint)


def test_too_few_samples_are_refused_unless_allowed(model: quantkit.Model, digits: Path) -> None:
    few = opened(digits, "calib", max_samples=3)
    with pytest.raises(DataError, match="QK2102"):
        quantkit.collect(model, few)
    assert len(quantkit.collect(model, few, how=Collecting(allow_few=True)).samples) == 3


def test_overrides_hold_for_the_tensors_that_match(statistics: Statistics) -> None:
    rule = PercentileCalibrator(keep=99.0, symmetric=False)
    calibration = quantkit.calibrate_ranges(statistics, "max", overrides={"stem*": rule, "*": "mse"})
    rules = {name: tensor.rule for name, tensor in calibration.tensors.items()}
    assert rules["stem"] == "percentile(keep=99.0)"
    assert set(rules.values()) == {"percentile(keep=99.0)", "mse"}


def test_an_override_that_matches_nothing_is_refused(statistics: Statistics) -> None:
    with pytest.raises(UsageError, match=r"QK1020.*'stm'(.|\n)*did you mean 'stem'"):
        quantkit.calibrate_ranges(statistics, overrides={"stm": "max"})


def test_an_unknown_rule_is_refused_with_the_nearest(statistics: Statistics) -> None:
    with pytest.raises(UsageError, match=r"no calibrator called 'entrpoy'(.|\n)*did you mean 'entropy'"):
        quantkit.calibrate_ranges(statistics, "entrpoy")


def test_the_whole_road_loses_little(
    model: quantkit.Model, statistics: Statistics, digits: Path, tmp_path: Path
) -> None:
    candidates = {
        rule: quantkit.quantize(model, quantkit.calibrate_ranges(statistics, rule), to=tmp_path / f"{rule}.onnx")
        for rule in ("max", "entropy", "percentile", "mse")
    }
    comparison = quantkit.compare(model, candidates, opened(digits, "eval"), how=UNTIMED)
    for outcome in comparison.candidates:
        top1 = outcome.metric("top1")
        assert top1 is not None
        assert top1.difference is not None
        assert top1.difference.low > -0.02
        assert outcome.subject.coverage is not None
        assert outcome.subject.coverage.share == 1.0
        assert outcome.subject.provenance["quantkit.samples"] == "256"


def test_comparing_on_nothing_is_refused(model: quantkit.Model, digits: Path) -> None:
    with pytest.raises((TooLittleError, DataError), match="0 "):
        quantkit.compare(model, digits / "model.onnx", [], how=UNTIMED)


def test_latency_is_measured_for_every_model_in_one_run(model: quantkit.Model, digits: Path) -> None:
    comparison = quantkit.compare(model, {"the same": digits / "model.onnx"}, opened(digits, "calib", max_samples=8))
    (outcome,) = comparison.candidates
    assert comparison.reference.latency is not None
    assert outcome.subject.latency is not None
    assert outcome.subject.latency.batch == 1
    assert time_ratio(comparison.reference.latency, outcome.subject.latency) is not None


def test_plain_arrays_are_data_enough(model: quantkit.Model) -> None:
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(4, 1, 32, 32)).astype(np.float32) for _ in range(8)]
    pairs = [(batch, np.zeros(4, np.int64)) for batch in batches]
    named = [{"image": batch} for batch in batches]
    whole, paired, by_name = (quantkit.collect(model, data).histograms for data in (batches, pairs, named))
    assert whole == paired == by_name


def test_a_candidate_of_another_network_is_refused(model: quantkit.Model, digits: Path, tmp_path: Path) -> None:
    renamed = onnx.ModelProto.FromString((digits / "model.onnx").read_bytes())
    for node in renamed.graph.node:
        node.input[:] = ["picture" if name == "image" else name for name in node.input]
    renamed.graph.input[0].name = "picture"
    onnx.save(renamed, tmp_path / "other.onnx")
    with pytest.raises(
        ModelError, match=r"QK3082.*'other' takes other inputs(.|\n)*picture; the reference takes image"
    ):
        quantkit.compare(model, tmp_path / "other.onnx", opened(digits, "calib", 8), how=UNTIMED)


def test_models_that_do_not_belong_together_are_noted(
    model: quantkit.Model, statistics: Statistics, digits: Path, tmp_path: Path
) -> None:
    int8 = quantkit.quantize(model, quantkit.calibrate_ranges(statistics, "max"), to=tmp_path / "int8.onnx")
    other = onnx.ModelProto.FromString((digits / "model.onnx").read_bytes())
    first = next(tensor for tensor in other.graph.initializer if tensor.dims)
    first.CopyFrom(onnx.numpy_helper.from_array(2 * onnx.numpy_helper.to_array(first), first.name))
    onnx.save(other, tmp_path / "other.onnx")
    few = opened(digits, "calib", 8)
    assert "made from another FP32 model" in quantkit.compare(tmp_path / "other.onnx", int8, few, how=UNTIMED).notes[0]
    swapped = quantkit.compare(int8.path, {"float": digits / "model.onnx"}, few, how=UNTIMED)
    assert "were the models swapped?" in swapped.notes[0]
    # What a model is that should be in floats stands in the run, for a report to point at it.
    assert swapped.reference.coverage is not None
    assert swapped.reference.coverage.integer > 0


def test_models_that_are_checked_against_themselves_say_so_everywhere(
    model: quantkit.Model, statistics: Statistics, digits: Path, tmp_path: Path
) -> None:
    int8 = quantkit.quantize(model, quantkit.calibrate_ranges(statistics, "max"), to=tmp_path / "int8.onnx")
    how = Comparing(stopwatch=None, self_check=True)
    comparison = quantkit.compare(model, {"max": int8}, opened(digits, "eval", 60), how=how)
    assert {name: (noise.samples, noise.changed) for name, noise in comparison.noise.items()} == {
        "FP32": (60, 0),
        "max": (60, 0),
    }
    quantkit.save_run(comparison, tmp_path / "run.json")
    assert quantkit.load_run(tmp_path / "run.json") == comparison
    judgement = quantkit.judge(comparison)
    assert judgement.checks[0].facts["noise_floor"] == 0
    for text in (quantkit.render(comparison), quantkit.render(judgement), quantkit.render(judgement, "markdown")):
        assert "self-check: run twice on all 60 samples" in " ".join(text.split())
    assert "noise" not in run_document.written(replace(comparison, noise={}))


def test_images_prepared_in_another_way_than_for_the_calibration_are_told(
    model: quantkit.Model, statistics: Statistics, digits: Path, tmp_path: Path
) -> None:
    int8 = quantkit.quantize(model, quantkit.calibrate_ranges(statistics, "max"), to=tmp_path / "int8.onnx")
    other = tmp_path / "other.toml"
    other.write_text((digits / "preprocess.toml").read_text().replace("std = [0.324]", "std = [0.5]"))
    few = Selection(max_samples=16)
    changed = quantkit.open_source(digits / "eval", preprocessing=other, selection=few)
    told = "int8: it was calibrated on images that were prepared in another way (std)"
    assert told in quantkit.compare(model, int8, changed, how=UNTIMED).notes
    assert told not in quantkit.compare(model, int8, opened(digits, "eval", 16), how=UNTIMED).notes
