from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.errors import UsageError
from quantkit.core.plugin_options import Request, built, checked, needs_options, relocated, requests

METRICS = "quantkit.comparison.metrics"


@dataclass(frozen=True, slots=True)
class Everything:
    folder: Path
    peak: float | None = None
    border: int = 0
    strict_mode: bool = False
    name: str = ""
    _made: int = field(init=False, default=3)


def asked(**options: str) -> Request:
    return Request("everything", {key.replace("_", "-"): value for key, value in options.items()})


def test_an_option_belongs_to_the_plug_in_before_it() -> None:
    found = requests("top1, psnr:peak=255,strict_mode=no,pkg.mod:f,higher-is-better=no,sqnr")
    assert [(request.name, dict(request.options)) for request in found] == [
        ("top1", {}),
        ("psnr", {"peak": "255", "strict-mode": "no"}),
        ("pkg.mod:f", {"higher-is-better": "no"}),
        ("sqnr", {}),
    ]


def test_a_value_may_hold_colons_and_equals_signs() -> None:
    (found,) = requests("face:pairs=C:/a=b/pairs.csv")
    assert (found.name, dict(found.options)) == ("face", {"pairs": "C:/a=b/pairs.csv"})


@given(
    st.lists(
        st.builds(
            Request,
            st.from_regex(r"[a-z][a-z0-9-]*|[a-z]+\.[a-z]+:[a-z]+", fullmatch=True),
            st.dictionaries(
                st.from_regex(r"[a-z][a-z-]*", fullmatch=True), st.from_regex(r"[!-+./-~]*", fullmatch=True), max_size=3
            ),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_request_is_read_back_as_it_is_written(written: list[Request]) -> None:
    assert list(requests(",".join(str(request) for request in written))) == written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("peak=1", "peak=1 belongs to no plug-in"),
        ("psnr:=1", "=1 belongs to no plug-in"),
        ("psnr:peak=1,peak=2", "psnr is given peak twice"),
        (" , ", "names nothing"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refusal:
        requests(text)
    assert refusal.value.code == "QK1053"


def test_options_have_the_types_of_the_fields() -> None:
    request = asked(folder="a/b", peak="2.5", border="-3", strict_mode="Yes", name="x")
    assert checked(Everything, request) == {
        "folder": Path("a/b"),
        "peak": 2.5,
        "border": -3,
        "strict-mode": True,
        "name": "x",
    }


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "everything needs folder"),
        ({"foldr": "a"}, "everything has no option 'foldr'"),
        ({"folder": "a", "boarder": "1"}, "everything has no option 'boarder'"),
        ({"folder": "a", "border": "2.5"}, "border=2.5 is not a whole number"),
        ({"folder": "a", "peak": "bright"}, "peak=bright is not a number"),
        ({"folder": "a", "strict_mode": "perhaps"}, "strict-mode=perhaps is not true or false"),
        ({"folder": ""}, "folder= is not a path"),
        ({"folder": "a\0b"}, "is not a path"),
        ({"folder": "a", "_made": "1"}, "has no option"),
    ],
)
def test_an_option_that_is_none_is_refused(options: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refusal:
        checked(Everything, asked(**options))
    assert refusal.value.code == "QK1053"


def test_a_near_miss_and_what_is_missing_are_told() -> None:
    with pytest.raises(UsageError) as refusal:
        checked(Everything, asked(folder="a", boarder="1"))
    assert refusal.value.hints[0] == "did you mean 'border'?"
    with pytest.raises(UsageError) as refusal:
        checked(Everything, asked())
    assert refusal.value.hints == ("write everything:folder=FOLDER",)


def test_a_plug_in_is_made_with_its_options() -> None:
    assert built(METRICS, Request("psnr", {"peak": "255"})).peak == 255.0


def test_what_has_a_field_without_a_default_needs_options() -> None:
    assert needs_options(Everything)
    assert not needs_options(type(built(METRICS, Request("top1"))))


def test_files_are_found_from_a_folder_and_nothing_else_changes() -> None:
    request = Request("psnr", {"peak": "1", "truth": "hr", "output": "y"})
    assert dict(relocated(METRICS, request, Path("/data")).options) == {"peak": "1", "truth": "/data/hr", "output": "y"}
    assert relocated(METRICS, Request("pkg.mod:f"), Path("/data")) == Request("pkg.mod:f")
