"""A comparison for a job summary, a pull request or a README."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from quantkit.core.comparison import Comparison
from quantkit.core.figures import value
from quantkit.core.layer_errors import LayerErrors
from quantkit.core.ports import Renderer
from quantkit.core.text import printable, shortened
from quantkit.report._figures import Row, rows
from quantkit.report._wording import Section, headline, model_names, sections

# At the start of a line these would begin a list, a heading or a rule.
_OPENING = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])")
_ACTIVE = re.compile(r"[`*_\[\]<>~$&#!{}]")
# Parsers disagree on what a backslash before a bar in a table means; an entity ends no cell in any of them.
_ENTITIES = {"\\": "&bsol;", "|": "&vert;"}
# GitHub turns these into mentions, references and links, even when escaped; a comment in between stops it.
_LIVE = re.compile(r"@|#(?=\w)|:(?=//)|www(?=\.)", re.ASCII)
_TRUNCATED = "\nTruncated; the whole is in the run's JSON.\n"
_MOST_LAYERS = 10
_STOP = r"\g<0><!-- -->"


def escaped(text: str) -> str:
    r"""`text` so that Markdown shows it as it is, on one line.

    >>> escaped("a|b <script> @team")
    'a&vert;b \\<script\\> @<!-- -->team'
    """
    shown = "".join(_ENTITIES.get(letter) or _ACTIVE.sub(r"\\\g<0>", letter) for letter in printable(text))
    # Leading spaces would not be shown, but hide from us what Markdown takes for the start of a list.
    return _OPENING.sub(_held, _LIVE.sub(_STOP, shown.lstrip()))


def _escaped_html(text: str) -> str:
    """The same inside an HTML block, where Markdown takes a backslash for itself and no more."""
    shown = html.escape(printable(text), quote=False)
    return _LIVE.sub(_STOP, shown).replace("##[", "#&#35;[")


def _held(opening: re.Match[str]) -> str:
    digits, stop, bullet = opening.groups()
    return f"\\{bullet}" if bullet else f"{digits}\\{stop}"


@dataclass(frozen=True, slots=True)
class MarkdownRenderer:
    """The table first, then what it shows, notes, and, folded away, the worst layers, coverage and provenance.

    Args:
        limit_bytes: sections that do not fit are left out, from the end, and the text says so. GitHub takes 1 MiB for
            a job summary and 64 KiB for a comment.
        layers: candidate → its error layer by layer, where that was measured.
    """

    limit_bytes: int = 900_000
    layers: Mapping[str, LayerErrors] = field(default_factory=dict)

    def render(self, comparison: Comparison) -> str:
        """The whole text."""
        text = "\n".join([f"### {escaped(headline(comparison))}", "", *_table(comparison), ""])
        told = sections(comparison)
        folded = [section for section in told if section.background]
        for section in [*(section for section in told if not section.background), *self._worst, *folded]:
            block = _folded(section) if section.background else _open(section)
            if len(f"{text}\n{block}{_TRUNCATED}".encode()) > self.limit_bytes:
                return f"{text}{_TRUNCATED}"
            text = f"{text}\n{block}"
        return text

    @property
    def _worst(self) -> list[Section]:
        return [
            Section(
                f"The layers of {shortened(name, 60)} that lose most",
                tuple(
                    f"{shortened(layer.tensor, 120)} ({layer.operator or 'model input'}): SQNR "
                    f"{value(layer.accumulated_db, 'dB')} with everything before it, {value(layer.isolated_db, 'dB')} "
                    "by itself"
                    for layer in errors.worst_first[:_MOST_LAYERS]
                ),
                background=True,
            )
            for name, errors in self.layers.items()
        ]


def _table(comparison: Comparison) -> list[str]:
    names = model_names(comparison, 60)
    header = [_line(["", *names]), f"|:---|{'---:|' * len(names)}"]
    return [*header, *(_line([_label(row), *row.cells]) for row in rows(comparison))]


def _label(row: Row) -> str:
    return f"· {row.label}" if row.detail else row.label


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def _listed(section: Section) -> str:
    return "".join(f"- {escaped(line)}\n" for line in section.lines)


def _open(section: Section) -> str:
    return f"**{escaped(section.title)}**\n\n{_listed(section)}"


def _folded(section: Section) -> str:
    return f"<details><summary>{_escaped_html(section.title)}</summary>\n\n{_listed(section)}\n</details>\n"


plugin: type[Renderer] = MarkdownRenderer
