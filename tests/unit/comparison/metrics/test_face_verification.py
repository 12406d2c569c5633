from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantkit.comparison.metrics.face_verification import FaceVerificationMetric
from quantkit.comparison.proportions import paired_difference
from quantkit.core.arrays import Array, Batch
from quantkit.core.errors import DataError, TooLittleError
from quantkit.core.ports import Answers
from quantkit.core.statistics import SampleId

PEOPLE = 20


def ids(count: int) -> tuple[SampleId, ...]:
    return tuple(SampleId(f"faces/{number}.jpg", "") for number in range(count))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two images of each person, and as many pairs of neighbours."""
    same = [f"{2 * person}.jpg,{2 * person + 1}.jpg,1" for person in range(PEOPLE)]
    different = [f"{2 * person}.jpg,{(2 * person + 2) % (2 * PEOPLE)}.jpg,0" for person in range(PEOPLE)]
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(["a,b,same", *same, *different]))
    return path


def embeddings(noise: float) -> Array:
    generator = np.random.default_rng(3)
    people = np.repeat(generator.normal(size=(PEOPLE, 16)), 2, axis=0)
    return (people + generator.normal(0, 1, people.shape) * noise).astype(np.float32)


def test_people_who_look_alike_only_to_themselves_are_all_told(pairs: Path) -> None:
    metric = FaceVerificationMetric(pairs)
    answers = Answers({"e": embeddings(0.0)}, {"e": embeddings(2.5)}, ids=ids(2 * PEOPLE))
    summary = metric.summary(metric.rows(answers))
    # Of 40 images, which happen to be as many.
    assert (summary.reference, summary.samples, summary.facts["pairs"]) == (1.0, 40, 40.0)
    assert summary.difference is not None
    assert summary.difference.low <= summary.difference.estimate < 0
    assert summary.difference.estimate == pytest.approx((summary.facts["fixed"] - summary.facts["regressed"]) / 40)


def test_length_does_not_matter_and_order_does_not_either(pairs: Path) -> None:
    metric = FaceVerificationMetric(pairs)
    values, order = embeddings(1.0), np.random.default_rng(0).permutation(2 * PEOPLE)
    plain = metric.summary(metric.rows(Answers({"e": values}, {"e": values * 3}, ids=ids(2 * PEOPLE))))
    shuffled = tuple(ids(2 * PEOPLE)[index] for index in order)
    mixed = metric.summary(metric.rows(Answers({"e": values[order]}, {"e": values[order]}, ids=shuffled)))
    assert plain.candidate == plain.reference == mixed.candidate


def test_true_accepts_are_told_only_where_false_ones_can_be_counted(tmp_path: Path) -> None:
    lines = [f"{a}.jpg,{a + 1}.jpg,1" for a in range(0, 30, 2)]
    lines += [f"{a}.jpg,{b}.jpg,0" for a in range(0, 30, 2) for b in range(1, 30, 2) if b != a + 1]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    metric = FaceVerificationMetric(tmp_path / "pairs.csv")
    values = embeddings(0.5)[:30]
    facts = metric.summary(metric.rows(Answers({"e": values}, {"e": values}, ids=ids(30)))).facts
    assert "tar_at_far_0.01" in facts
    assert "tar_at_far_0.001" not in facts


def test_pairs_without_both_samples_are_counted_and_too_few_are_refused(pairs: Path) -> None:
    metric = FaceVerificationMetric(pairs)
    some = metric.summary(metric.rows(Answers({"e": embeddings(0)[:30]}, {"e": embeddings(0)[:30]}, ids=ids(30))))
    assert (some.samples, some.facts["pairs"], some.facts["pairs_left_out"]) == (29, 29.0, 11.0)
    few = metric.rows(Answers({"e": embeddings(0)[:10]}, {"e": embeddings(0)[:10]}, ids=ids(10)))
    with pytest.raises(TooLittleError, match="5 pairs of the same face and 4 of different ones were seen") as refusal:
        metric.summary(few)
    assert refusal.value.code == "QK5003"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "it holds no pairs"),
        (b"a,b,same\n", "it holds no pairs"),
        (b"a,b,same\n1.jpg,2.jpg,perhaps\n", "line 2 is not a, b, same with 1 or 0 at the end"),
        (b"1.jpg,2.jpg\n", "line 1 is not a, b, same with 1 or 0 at the end"),
        (b"1.jpg,,1\n", "line 1 is not a, b, same with 1 or 0 at the end"),
        (b'"1.jpg,2.jpg,1\n', "unexpected end of data"),
        (b"\xff\xfe,b,1\n", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
    ids=["empty", "header only", "no truth", "two columns", "no name", "open quote", "not UTF-8"],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: bytes, cause: str) -> None:
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(DataError, match="as ground truth") as refusal:
        FaceVerificationMetric(tmp_path / "pairs.csv")
    assert (refusal.value.code, refusal.value.cause) == ("QK2284", cause)


def test_class_numbers_are_no_embedding(pairs: Path) -> None:
    outputs: Batch = {"y": np.zeros((2, 1), np.float32), "z": np.zeros(2, np.int64)}
    obstacle = FaceVerificationMetric(pairs).obstacle(Answers(outputs, outputs, ids=ids(2)))
    assert obstacle is not None
    assert obstacle.reason.startswith("no output is an embedding")
    named = FaceVerificationMetric(pairs, output="x").obstacle(Answers(outputs, outputs, ids=ids(2)))
    assert named is not None
    assert named.reason.startswith("there is no output 'x'")


def test_decisions_that_do_not_move_still_leave_a_doubt(pairs: Path) -> None:
    """So few pairs without a flip do not show that none ever flips, as for any other right and wrong."""
    metric = FaceVerificationMetric(pairs)
    answers = Answers({"e": embeddings(0.0)}, {"e": embeddings(0.0)}, ids=ids(2 * PEOPLE))
    difference = metric.summary(metric.rows(answers)).difference
    assert difference is not None
    unseen = paired_difference(0, 0, 40)
    assert (difference.low, difference.estimate, difference.high) == (unseen.low, 0.0, unseen.high)
    assert "widened to the Tango score" in difference.method


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_flips_never_make_the_interval_narrower_than_that_of_their_counts(pairs: Path, noise: float) -> None:
    metric = FaceVerificationMetric(pairs)
    summary = metric.summary(
        metric.rows(Answers({"e": embeddings(0.4)}, {"e": embeddings(noise)}, ids=ids(2 * PEOPLE)))
    )
    counted = paired_difference(int(summary.facts["regressed"]), int(summary.facts["fixed"]), summary.samples)
    assert summary.difference is not None
    assert summary.difference.low <= counted.low
    assert summary.difference.high >= counted.high
