"""Statistics from engines that take so many samples at once and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import quantkit
from quantkit.backends.tensorrt.options import BuildOptions
from quantkit.core.errors import UsageError
from quantkit.core.statistics import Statistics
from quantkit.graph.model import from_proto
from quantkit.graph.prepare import prepared
from quantkit.pipeline.collecting import Collecting
from tests.unit.backends.tensorrt import fakes
from tests.unit.backends.tensorrt.small_models import Source, images, network


@pytest.fixture
def stand_in() -> Iterator[None]:
    with fakes.installed():
        yield


def statistics(building: BuildOptions | None, *, fixed: int | str = "N", batch: int = 8) -> Statistics:
    how = Collecting(backend="tensorrt", building=building, everything=True)
    return quantkit.collect(prepared(from_proto(network(fixed))), Source(images(20), batch), how=how)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("most", [20, 8, 3, 1])
def test_larger_batches_are_cut_for_an_engine(most: int) -> None:
    found, wanted = statistics(BuildOptions(batch=most)), statistics(BuildOptions(batch=20), batch=20)
    assert found.samples == wanted.samples
    for name, histogram in wanted.histograms.items():
        assert found.histograms[name].count == histogram.count, name
        assert found.histograms[name].limit == pytest.approx(histogram.limit, rel=1e-5), name


@pytest.mark.usefixtures("stand_in")
def test_an_engine_nobody_said_anything_about_takes_its_default() -> None:
    assert len(statistics(None, batch=20).samples) == 20
    assert len(statistics(BuildOptions(batch=2), fixed=4).samples) == 20


@pytest.mark.usefixtures("stand_in")
def test_the_pass_begins_once_the_engine_is_built() -> None:
    told: list[object] = []
    fakes.tell_of_builds()
    how = Collecting(backend="tensorrt", build_progress=told.append)
    quantkit.collect(
        prepared(from_proto(network())), Source(images(20), 8), how=how, progress=lambda *done: told.append(done)
    )
    assert told == ["building", (0, 20), (8, 20), (16, 20), (20, 20)]


def test_a_backend_that_builds_nothing_is_not_told_how() -> None:
    how = Collecting(building=BuildOptions())
    with pytest.raises(UsageError, match=r"QK1002.*options says nothing to the backend 'ort'"):
        quantkit.collect(prepared(from_proto(network())), Source(images(20), 8), how=how)
