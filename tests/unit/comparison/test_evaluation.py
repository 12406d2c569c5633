from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.comparison.evaluation import compared
from quantkit.comparison.metrics import by_name
from quantkit.core.arrays import Array, Batch
from quantkit.core.comparison import DOUBTFUL, MetricSummary, Subject
from quantkit.core.errors import DataError, TooLittleError, UsageError
from quantkit.core.ports import Answers, Obstacle
from tests.fake_comparison import LOGITS, FakeEngine, FakeSource, digits_like, echo, shaken

LABELLED = digits_like(40)
UNLABELLED = FakeSource(LABELLED.inputs)


def test_every_metric_that_applies_is_computed_for_every_candidate() -> None:
    found = compared(FakeEngine(echo), {"a": FakeEngine(shaken(0.5, 1)), "b": FakeEngine(shaken(0.1, 2))}, LABELLED)
    for name in ("a", "b"):
        assert [summary.metric for summary in found.metrics[name]] == [
            "agreement",
            "cosine",
            "max-error",
            "sqnr",
            "top1",
            "top5",
        ]
        assert all(len(column) == 40 for column in found.rows[name].values())
    assert repr(found) == "Evaluation(a, b: 40 samples)"
    assert [sample.name for sample in found.samples][:2] == ["eval/0000.png", "eval/0001.png"]


@given(batch=st.integers(1, 41))
def test_how_samples_are_batched_does_not_matter(batch: int) -> None:
    def doubled(inputs: Batch) -> Batch:
        return {LOGITS: inputs["x"] * np.float32(1.01)}

    source = FakeSource(LABELLED.inputs, LABELLED.labels, batch)
    found, whole = (compared(FakeEngine(echo), {"a": FakeEngine(doubled)}, s) for s in (source, LABELLED))
    assert found.metrics == whole.metrics
    assert all(np.array_equal(column, whole.rows["a"][name]) for name, column in found.rows["a"].items())


def test_each_engine_sees_each_batch_once() -> None:
    reference, candidate = FakeEngine(echo), FakeEngine(echo)
    done: list[int] = []
    compared(reference, {"a": candidate}, UNLABELLED, progress=done.append)
    assert (reference.calls, candidate.calls) == (10, 10)
    assert done == list(range(4, 41, 4))


def test_an_engine_may_be_compared_with_itself() -> None:
    """Its second answer overwrites the first, and takes a difference with it, unless that is copied."""
    noise = iter(range(100))

    def nervous(batch: Batch) -> Batch:
        return {LOGITS: batch["x"] + np.float32(next(noise))}

    engine = FakeEngine(nervous)
    found = compared(engine, {"again": engine}, UNLABELLED, by_name(["max-error"]))
    assert found.metrics["again"][0].candidate == pytest.approx(1.0, abs=1e-5)


def test_without_labels_what_needs_them_is_left_out_and_the_reason_given_once() -> None:
    found = compared(FakeEngine(echo), {"a": FakeEngine(shaken(0.1, 1))}, UNLABELLED)
    assert [summary.metric for summary in found.metrics["a"]] == ["cosine", "max-error", "sqnr"]
    assert found.labels is None
    assert "not measured: top1, top5 (no labels to judge by)" in found.notes
    assert any(note.startswith("not measured: agreement (without labels, nothing says") for note in found.notes)


def test_naming_agreement_settles_that_the_output_holds_scores() -> None:
    found = compared(FakeEngine(echo), {"a": FakeEngine(echo)}, UNLABELLED, by_name(["agreement"]))
    assert found.metrics["a"][0].candidate == 1.0


def test_naming_a_metric_that_cannot_apply_is_an_error() -> None:
    with pytest.raises(UsageError, match="'top1' does not apply: no labels to judge by"):
        compared(FakeEngine(echo), {"a": FakeEngine(echo)}, UNLABELLED, by_name(["top1"]))


def test_an_unknown_metric_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="there is no metric called 'top2'"):
        by_name(["top2"])


def test_a_metric_that_meets_its_obstacle_late_is_left_out_altogether() -> None:
    assert LABELLED.labels is not None
    labels = LABELLED.labels.copy()
    labels[-1] = 10
    found = compared(FakeEngine(echo), {"a": FakeEngine(echo)}, FakeSource(LABELLED.inputs, labels))
    assert [summary.metric for summary in found.metrics["a"]] == ["agreement", "cosine", "max-error", "sqnr"]
    assert "top1" not in found.rows["a"]
    (note,) = [note for note in found.notes if note.startswith(DOUBTFUL)]
    said = "label 10 of eval/0039.png is no class of output 'logits', which has 0 to 9"
    assert f"not measured: top1, top5 ({said}): look at how the labels are numbered" in note


def test_a_metric_asked_for_refuses_a_label_that_is_no_class() -> None:
    labels = np.arange(1, 121, dtype=np.int64) % 11
    source = FakeSource(LABELLED.inputs, labels)
    with pytest.raises(DataError, match=r"'top1' does not apply: label 10 of eval/0009\.png is no class") as refusal:
        compared(FakeEngine(echo), {"a": FakeEngine(echo)}, source, by_name(["top1"]))
    assert refusal.value.code == "QK2286"


def test_no_samples_are_too_little() -> None:
    with pytest.raises(TooLittleError, match="0 samples to compare the models on") as refusal:
        compared(FakeEngine(echo), {"a": FakeEngine(echo)}, FakeSource(np.zeros((0, 10), np.float32)))
    assert refusal.value.code == "QK5001"


def test_outputs_that_nothing_can_be_said_about_are_too_little() -> None:
    def counted(batch: Batch) -> Batch:
        return {"ids": batch["x"].argmax(axis=1), "state": np.zeros((2, len(batch["x"])), np.float32)}

    with pytest.raises(TooLittleError, match="no metric applies to these outputs") as refusal:
        compared(FakeEngine(counted), {"a": FakeEngine(counted)}, FakeSource(UNLABELLED.inputs, batch=8))
    assert "output 'state' is not compared: in float32[2, 8], axis 0 does not count samples" in str(refusal.value)


def test_an_output_once_left_out_stays_out_in_a_last_batch_of_one_sample() -> None:
    def stateful(batch: Batch) -> Batch:
        return {LOGITS: batch["x"], "state": np.zeros((2, len(batch["x"])), np.float32)}

    found = compared(FakeEngine(stateful), {"a": FakeEngine(stateful)}, FakeSource(UNLABELLED.inputs[:9], batch=4))
    assert sum("'state' is not compared" in note for note in found.notes) == 1


def test_nan_from_the_reference_ends_the_comparison() -> None:
    inputs = UNLABELLED.inputs.copy()
    inputs[13, 2] = np.nan
    with pytest.raises(DataError, match="the reference model itself answers NaN") as refusal:
        compared(FakeEngine(echo), {"a": FakeEngine(echo)}, FakeSource(inputs))
    assert refusal.value.where == "eval/0013.png"


def test_nan_from_a_candidate_counts_against_it_and_is_said() -> None:
    def broken(batch: Batch) -> Batch:
        logits = batch["x"].copy()
        logits[0, 3] = np.nan
        return {LOGITS: logits}

    found = compared(FakeEngine(echo), {"a": FakeEngine(broken)}, FakeSource(LABELLED.inputs, LABELLED.labels))
    outcome = found.outcome(Subject("a", "a.onnx", "", 1))
    figures = {summary.metric: summary.candidate for summary in outcome.metrics}
    assert (figures["sqnr"], figures["max-error"], figures["agreement"]) == (-np.inf, np.inf, 0.75)
    assert figures["cosine"] < 1
    assert outcome.rows["nonfinite"].sum() == 10
    assert any("a: NaN or infinity where the reference is finite, in 10 of 40 samples" in note for note in found.notes)


def test_a_candidate_that_equals_the_reference_is_suspected_of_not_being_quantized() -> None:
    found = compared(FakeEngine(echo), {"a": FakeEngine(echo)}, LABELLED)
    assert any("a: every output equals the reference's on all 40 samples" in note for note in found.notes)
    assert {summary.metric: summary.candidate for summary in found.metrics["a"]}["sqnr"] == np.inf


def test_a_reference_that_only_guesses_is_pointed_out() -> None:
    assert LABELLED.labels is not None
    shuffled = np.roll(LABELLED.labels, 1)
    found = compared(FakeEngine(echo), {"a": FakeEngine(shaken(0.1, 1))}, FakeSource(LABELLED.inputs, shuffled))
    assert any("look at the preprocessing and at the order of the classes" in note for note in found.notes)
    good = compared(FakeEngine(echo), {"a": FakeEngine(shaken(0.1, 1))}, LABELLED)
    assert good.notes == ()


def test_memory_does_not_grow_with_the_samples_beyond_their_rows() -> None:
    def peak(samples: int) -> int:
        source = FakeSource(np.zeros((samples, 1), np.float32), batch=10)

        def wide(batch: Batch) -> Batch:
            return {"y": np.ones((len(batch["x"]), 20_000), np.float32)}

        engines = FakeEngine(wide), FakeEngine(wide)
        gc.collect()
        tracemalloc.start()
        compared(engines[0], {"a": engines[1]}, source, by_name(["max-error"]))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    # One batch of this model's outputs is 0.8 MB; a row is a few hundred bytes.
    assert peak(200) - peak(20) < 400_000


def test_a_metric_knows_whose_answers_it_sees_and_only_plain_columns_are_kept() -> None:
    class Named:
        def obstacle(self, answers: Answers) -> Obstacle | None:
            return None if answers.ids else Obstacle("nobody knows who they are")

        def rows(self, answers: Answers) -> dict[str, Array]:
            names = np.array([sample.name for sample in answers.ids])
            return {"name": names, "vector": answers.candidate[LOGITS], "number": np.arange(len(names))}

        def summary(self, rows: Mapping[str, Array]) -> MetricSummary:
            assert rows["name"][[0, -1]].tolist() == ["eval/0000.png", "eval/0039.png"]
            return MetricSummary("named", len(rows["vector"]), 1.0)

    found = compared(FakeEngine(echo), {"a": FakeEngine(shaken(0.1, 1))}, LABELLED, {"named": Named()})
    assert found.metrics["a"] == (MetricSummary("named", 40, 1.0),)
    assert set(found.rows["a"]) == {"number", "nonfinite", "changed"}
