"""Shapes that an engine is built for: given, or derived where only the batch is free."""

from __future__ import annotations

import pytest

from quantkit.backends.tensorrt.options import BuildOptions, Profile, profile_for
from quantkit.core.errors import UsageError


def test_a_free_batch_alone_needs_no_profile() -> None:
    assert profile_for("x", (-1, 3, 8, 8), BuildOptions(batch=16)) == Profile(
        (1, 3, 8, 8), (16, 3, 8, 8), (16, 3, 8, 8)
    )


def test_a_fixed_shape_is_its_own_profile() -> None:
    assert profile_for("x", (4, 3), BuildOptions()) == Profile.fixed((4, 3))
    assert profile_for("scalar", (), BuildOptions()) == Profile.fixed(())


def test_a_given_profile_is_taken() -> None:
    given = Profile((1, 16), (4, 32), (8, 64))
    assert profile_for("x", (-1, -1), BuildOptions(profiles={"x": given})) is given


@pytest.mark.parametrize("shape", [(-1, 3, -1), (2, -1)], ids=str)
def test_any_other_free_dimension_is_asked_for(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"QK1063.*how large it gets(.|\n)*--shapes x:"):
        profile_for("x", shape, BuildOptions())


@pytest.mark.parametrize(
    "given", [Profile.fixed((2, 3)), Profile((1, 4), (1, 4), (2, 4)), Profile((1, 3, 1), (1, 3, 1), (1, 3, 1))], ids=str
)
def test_a_profile_that_contradicts_the_model_is_refused(given: Profile) -> None:
    with pytest.raises(UsageError, match=r"QK1062.*does not fit"):
        profile_for("x", (1, 3), BuildOptions(profiles={"x": given}))


@pytest.mark.parametrize("ends", [((2,), (1,), (3,)), ((1,), (1, 2), (3,)), ((-1,), (1,), (1,))], ids=str)
def test_profiles_grow(ends: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(UsageError, match=r"QK1061.*must grow"):
        Profile(*ends)


def test_a_record_tells_what_shapes_an_engine() -> None:
    profiles = {"x": Profile((1,), (4,), (8,))}
    record = BuildOptions(precision="int8", profiles=profiles, timing_runs=8, profiling_verbosity="none").record()
    assert (record["precision"], record["profiles"]) == ("int8", {"x": "1 … 4 … 8"})
    assert (record["timing_runs"], record["profiling_verbosity"]) == (8, "none")
