"""Renderers, a plug-in each: a comparison as a terminal table, JSON or Markdown."""
