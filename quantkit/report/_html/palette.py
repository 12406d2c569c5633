"""Colours and marks: each series differs in more than its colour."""

from __future__ import annotations

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Those of Okabe and Ito's that have a contrast of 3:1 on white and on the dark background alike."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
