"""Models that are compared on what they were calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import quantkit
from quantkit.core.arrays import Array
from quantkit.core.artifact import Artifact
from quantkit.core.comparison import DOUBTFUL, Comparison, Subject
from quantkit.core.errors import ArtifactError, DataError
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.statistics import SampleId
from quantkit.data.overlap import Overlap
from quantkit.data.selection import Selection
from quantkit.gate.rules import Rules
from quantkit.pipeline.comparing import Comparing
from quantkit.pipeline.overlaps import Overlaps, notes_on_unrecorded
from tests.gate_runs import run

UNTIMED = Comparing(metrics=("sqnr",), stopwatch=None)
RNG = np.random.default_rng(0)
SAMPLES = [RNG.normal(size=(1, 1, 32, 32)).astype(np.float32) for _ in range(60)]
CALIBRATED, OTHERS = SAMPLES[:20], SAMPLES[20:]


@pytest.fixture(scope="module")
def model(digits: Path) -> quantkit.Model:
    return quantkit.load_model(digits / "model.onnx")


def quantized(model: quantkit.Model, samples: Sequence[Array], to: Path) -> Artifact:
    return quantkit.quantize(model, quantkit.calibrate_ranges(quantkit.collect(model, samples), "max"), to=to)


@pytest.fixture(scope="module")
def int8(model: quantkit.Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return quantized(model, CALIBRATED, tmp_path_factory.mktemp("model") / "int8.onnx")


def doubts(comparison: Comparison) -> list[str]:
    return [note.removeprefix(DOUBTFUL) for note in comparison.notes if note.startswith(DOUBTFUL)]


def told(count: int, of: int, example: int) -> str:
    return (
        f"{count} of {of} evaluation samples were also calibrated on, such as {example}: accuracy on them is too good"
    )


@pytest.mark.parametrize(("shared", "others"), [(20, 0), (8, 32), (1, 39)], ids=["100 %", "20 %", "one sample"])
def test_samples_that_calibrated_the_model_are_noticed(
    model: quantkit.Model, int8: Artifact, shared: int, others: int, caplog: pytest.LogCaptureFixture
) -> None:
    # Under other names: the calibration's come last.
    comparison = quantkit.compare(model, int8, [*OTHERS[:others], *CALIBRATED[:shared]], how=UNTIMED)
    first = min(map(str, range(others, others + shared)))
    assert doubts(comparison) == [told(shared, shared + others, int(first))]
    assert doubts(comparison)[0] in caplog.messages
    assert comparison.candidates[0].subject.provenance["calibrated_on"] == str(shared)
    with pytest.raises(DataError, match=f"QK6009.*{shared} of {shared + others} evaluated samples"):
        quantkit.judge(comparison)
    judgement = quantkit.judge(comparison, Rules(allow_overlap=True, minimums={"sqnr": 1.0}))
    assert judgement.notes == (doubts(comparison)[0],)
    text = " ".join(quantkit.render(judgement).split())
    assert text.count(told(shared, shared + others, int(first))) == 1


def test_other_samples_raise_no_alarm(model: quantkit.Model, int8: Artifact) -> None:
    comparison = quantkit.compare(model, int8, OTHERS, how=UNTIMED)
    assert doubts(comparison) == []
    assert "calibrated_on" not in comparison.candidates[0].subject.provenance


def test_it_can_be_left_to_whoever_knows_better(model: quantkit.Model, int8: Artifact) -> None:
    assert doubts(quantkit.compare(model, int8, CALIBRATED, how=replace(UNTIMED, overlap=False))) == []


def test_image_files_are_known_under_other_names_and_settings(
    model: quantkit.Model, digits: Path, tmp_path: Path
) -> None:
    few = quantkit.open_source(
        digits / "calib", preprocessing=digits / "preprocess.toml", selection=Selection(max_samples=16)
    )
    made = quantkit.quantize(
        model, quantkit.calibrate_ranges(quantkit.collect(model, few), "max"), to=tmp_path / "int8.onnx"
    )
    (tmp_path / "eval").mkdir()
    names = [name for samples in few for name in (sample.name for sample in samples.ids)]
    for number, name in enumerate(names[:3]):
        (tmp_path / "eval" / f"copy{number}.png").write_bytes((digits / "calib" / name).read_bytes())
    for image in sorted((digits / "eval" / "3").iterdir())[:9]:
        (tmp_path / "eval" / image.name).write_bytes(image.read_bytes())
    evaluated = quantkit.open_source(tmp_path / "eval", preprocessing=digits / "preprocess.toml")
    (doubt,) = doubts(quantkit.compare(model, made, evaluated, how=UNTIMED))
    assert doubt.startswith("3 of 12 evaluation samples were also calibrated on, such as copy0.png")


def test_candidates_of_other_calibrations_are_told_apart_and_judged_apart(
    model: quantkit.Model, int8: Artifact, tmp_path: Path
) -> None:
    clean = quantized(model, OTHERS, tmp_path / "clean.onnx")
    comparison = quantkit.compare(model, {"int8": int8, "clean": clean}, CALIBRATED, how=UNTIMED)
    assert doubts(comparison) == [f"int8: {told(20, 20, 0)}"]
    known = [outcome.subject.provenance.get("calibrated_on") for outcome in comparison.candidates]
    assert known == ["20", None]
    quantkit.judge(comparison, Rules(models=("clean",), minimums={"sqnr": 1.0}))
    with pytest.raises(DataError, match="QK6009"):
        quantkit.judge(comparison, Rules(models=("int8",), minimums={"sqnr": 1.0}))


def test_a_run_holds_the_number_and_no_hashes(model: quantkit.Model, int8: Artifact, tmp_path: Path) -> None:
    comparison = quantkit.compare(model, int8, CALIBRATED, how=UNTIMED)
    quantkit.save_run(comparison, tmp_path / "run.json")
    assert quantkit.load_run(tmp_path / "run.json") == comparison
    assert "hashes" not in (tmp_path / "run.json").read_text()


def changed(int8: Artifact, hashes: str | None, to: Path) -> Path:
    """The model, saying something else of its samples, or nothing."""
    proto = onnx.load(int8.path)
    entry = next(entry for entry in proto.metadata_props if entry.key == "quantkit.sample_hashes")
    if hashes is None:
        proto.metadata_props.remove(entry)
    else:
        entry.value = hashes
    onnx.save(proto, to)
    return to


def test_a_model_that_does_not_say_raises_no_alarm(model: quantkit.Model, int8: Artifact, tmp_path: Path) -> None:
    old = changed(int8, None, tmp_path / "old.onnx")
    assert doubts(quantkit.compare(model, old, CALIBRATED, how=UNTIMED)) == []


def test_that_it_does_not_say_is_a_note_where_quantkit_made_it(
    model: quantkit.Model, int8: Artifact, tmp_path: Path
) -> None:
    old = changed(int8, None, tmp_path / "old.onnx")
    said = "what old was calibrated on is not recorded: whether these samples took part cannot be told"
    for path, how, notes in (
        (old, UNTIMED, [said]),
        (old, replace(UNTIMED, overlap=False), []),
        (stripped(old, tmp_path / "bare.onnx"), UNTIMED, []),
        (int8.path, UNTIMED, []),
    ):
        comparison = quantkit.compare(model, path, OTHERS, how=how)
        assert [note for note in comparison.notes if "recorded" in note] == notes


def stripped(path: Path, to: Path) -> Path:
    """The model without a word of its origin, as from elsewhere."""
    proto = onnx.load(path)
    del proto.metadata_props[:]
    onnx.save(proto, to)
    return to


def test_models_that_do_not_say_are_named_together_and_made_up_data_is_nobodys_sample() -> None:
    own = {"quantkit.rule": "max"}
    candidates = [Subject(name, "m.onnx", "0" * 64, 1, provenance=own) for name in ("a", "b")]
    made_up = Subject("c", "m.onnx", "0" * 64, 1, provenance={**own, "quantkit.synthetic": "true"})
    assert notes_on_unrecorded([*candidates, made_up], dict.fromkeys("abc")) == [
        "what a, b were calibrated on is not recorded: whether these samples took part cannot be told"
    ]


def test_an_estimate_is_told_to_the_gate_as_one() -> None:
    found = Overlaps({"int8": Overlap(293, 1000, "a.png", (250, 340)), "fp16": Overlap(3, 1000, "a.png")})
    candidate = replace(run().candidates[0].subject, name="int8")
    told = found.told(candidate)
    assert told.provenance["calibrated_on_interval"] == "250 to 340"
    assert list(told.provenance) == sorted(told.provenance)
    assert "calibrated_on_interval" not in found.told(replace(candidate, name="fp16")).provenance
    doubtful = replace(run(1000), candidates=(replace(run(1000).candidates[0], subject=told),))
    with pytest.raises(DataError, match=r"QK6009.*about 293 of 1000 evaluated samples were also calibrated on"):
        quantkit.judge(doubtful)


@pytest.mark.parametrize("written", ["", "{", "null", "[1]", '{"distinct":3,"lowest":""}'])
def test_a_model_whose_record_is_damaged_is_refused(
    model: quantkit.Model, int8: Artifact, tmp_path: Path, written: str
) -> None:
    damaged = changed(int8, written, tmp_path / "damaged.onnx")
    with pytest.raises(ArtifactError, match=r"QK3224.*record of the samples that it was calibrated on") as refusal:
        quantkit.compare(model, damaged, OTHERS, how=UNTIMED)
    assert (refusal.value.where, refusal.value.exit_code) == (str(damaged), 3)


def test_candidates_that_share_alike_are_named_together_unless_all_do() -> None:
    hashes, samples = SampleHashes.of(["1", "2"]), [SampleId("a", "1"), SampleId("b", "3")]
    said = "1 of 2 evaluation samples were also calibrated on, such as a: accuracy on them is too good"
    found = Overlaps.of({"max": hashes, "mse": hashes, "fp16": None}, samples)
    assert found.notes == [f"{DOUBTFUL}max, mse: {said}"]
    assert Overlaps.of({"max": hashes, "mse": hashes}, samples).notes == [f"{DOUBTFUL}{said}"]
    subjects = [found.told(Subject(name, "m.onnx", "0" * 64, 1)).provenance for name in ("max", "fp16", "unasked")]
    assert subjects == [{"calibrated_on": "1"}, {}, {}]
