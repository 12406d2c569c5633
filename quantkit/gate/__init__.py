"""The gate: what a comparison shows about limits, now and against a baseline; it runs no model.

It stands above comparison and report: it judges with the intervals of the one and speaks with the words of the other.
"""
