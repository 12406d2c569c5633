"""What moved from one run to another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantkit.comparison.proportions import paired_difference
from quantkit.gate.changes import Shared, changes, pairs
from tests.gate_runs import graded, hits, of, outcome, run


def test_a_metric_is_paired_sample_by_sample() -> None:
    before, after = run(1000, regressed=0, fixed=0), run(1000, regressed=30, fixed=10)
    _, moved, agreement = changes(before, after)
    assert (moved.model, moved.metric, moved.samples, moved.flips) == ("int8", "top1", 1000, (30, 10))
    assert (moved.before, moved.after) == (0.75, 0.73)
    assert moved.difference == paired_difference(30, 10, 1000)
    assert agreement.difference is None


def test_the_reference_itself_may_have_moved() -> None:
    first, *_ = changes(run(1000), run(1000, right=700))
    assert (first.model, first.before, first.after, first.flips) == ("FP32", 0.75, 0.7, (50, 0))


def test_only_samples_of_one_name_and_label_are_compared() -> None:
    before, after = run(1000), run(800)
    assert len(Shared.of(before, after)) == 800
    assert after.labels is not None
    relabelled = replace(after, labels=np.where(np.arange(800) < 300, 9, after.labels))
    shared = Shared.of(before, relabelled)
    assert len(shared) == 500
    assert shared.before.tolist() == list(range(300, 800))
    assert changes(before, relabelled)[0].samples == 500


def test_real_numbers_have_an_interval_too() -> None:
    values = np.random.default_rng(2).normal(30.0, 1.0, 500)
    moved = changes(graded(values, values), graded(values, values - 0.5))[1]
    assert moved.difference is not None
    assert moved.difference.estimate == -0.5
    assert "bootstrap" in moved.difference.method


def test_models_go_by_their_names_unless_there_is_one_in_each_run() -> None:
    columns = hits(100, right=75, regressed=1, fixed=1)
    one, two = outcome("max", *columns), outcome("entropy", *columns)
    assert changes(of((one,), 100), of((two,), 100))[-1].model == "max → entropy"
    both = of((one, two), 100)
    assert [(first.subject.name, second.subject.name) for first, second in pairs(both, of((two,), 100))] == [
        ("entropy", "entropy")
    ]
