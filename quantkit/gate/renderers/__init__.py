"""Renderers of verdicts, a plug-in each: what CI systems and people read."""
