from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from quantkit.core.text import printable, shortened

ANY = st.text(st.characters(categories=None))


@given(ANY)
def test_nothing_that_steers_or_misleads_is_left(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(ANY)
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    assert printable(printable(text)) == printable(text)


def test_letters_of_every_script_are_kept() -> None:
    assert printable("данные/カタログ/ñ.png") == "данные/カタログ/ñ.png"


def test_a_file_name_that_is_not_utf8_shows_its_bytes() -> None:
    assert printable("img_\udcff.png") == "img_\\udcff.png"


@given(ANY, st.integers(1, 40))
def test_shortening_keeps_both_ends_and_the_limit(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) == min(len(text), limit)
    if len(text) > limit:
        head, _, tail = short.partition("…")
        assert text.startswith(head) or "…" in text
        assert text.endswith(tail) or "…" in text
