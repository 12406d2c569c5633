"""One file that needs no other: styles, plots, data and the library that draws them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from quantkit.report._html.markup import Section, embedded, escaped


def written(title: str, sections: Sequence[Section], library: str) -> str:
    """The page; `library` is the text of plotly.js.

    Its policy lets the browser load nothing and run exactly these two scripts, whatever a name smuggles in.
    """
    script = _part("report.js")
    figures = {identity: drawn for section in sections for identity, drawn in section.figures.items()}
    data = {name: value for section in sections for name, value in section.data.items()}
    policy = (
        f"default-src 'none'; script-src {_hashed(library)} {_hashed(script)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    links = "".join(f'<a href="#{section.anchor}">{section.title}</a>' for section in sections)
    body = "\n".join(
        f'<section id="{section.anchor}" aria-labelledby="{section.anchor}-title">'
        f'<h2 id="{section.anchor}-title">{section.title}</h2>{section.body}</section>'
        for section in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<link rel="icon" href="data:,">\n<title>{escaped(title)}</title>\n<style>\n{_part("report.css")}</style>\n'
        f'</head>\n<body>\n<a class="skip" href="#main">to the report</a>\n<header><h1>{escaped(title)}</h1></header>\n'
        f'<nav aria-label="sections">{links}</nav>\n<main id="main">\n{body}\n</main>\n'
        "<noscript><p>Plots need JavaScript; every number stands in the tables.</p></noscript>\n"
        f'<script type="application/json" id="report-data">{embedded({"figures": figures, **data})}</script>\n'
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _part(name: str) -> str:
    return (files("quantkit.report._html") / name).read_text("utf-8")


def _hashed(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
