from __future__ import annotations

from pathlib import Path

import pytest

from quantkit.cli.options.metric import METRIC, located, metrics
from quantkit.cli.options.values import BadValueError


def test_names_options_and_functions_are_kept_as_they_are() -> None:
    text = "top1,face-verification:pairs=a.csv,my.scores:f,higher-is-better=no"
    assert metrics(text) == ("top1", "face-verification:pairs=a.csv", "my.scores:f,higher-is-better=no")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("top2", "is not known"),
        ("psnr", "psnr needs peak"),
        ("psnr:peak=bright", "peak=bright is not a number"),
        ("top1:peak=1", "top1 has no option 'peak'"),
        ("my.scores:f,peak=1", "my.scores:f has no option 'peak'"),
        ("top1,sqnr,top1", "names 'top1' twice"),
        (",", "names nothing"),
    ],
)
def test_what_is_no_list_of_metrics_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadValueError, match=reason):
        metrics(text)


def test_a_metric_that_needs_an_option_is_told_how_to_be_written() -> None:
    with pytest.raises(BadValueError) as refusal:
        metrics("face-verification")
    assert refusal.value.remedies == ("write face-verification:pairs=PAIRS",)


def test_files_inside_it_are_found_from_the_folder_of_the_configuration() -> None:
    assert METRIC.located("top1,psnr:peak=1,truth=hr", Path("/data")) == "top1,psnr:peak=1,truth=/data/hr"
    assert located("peak=1", Path("/data")) == "peak=1"
