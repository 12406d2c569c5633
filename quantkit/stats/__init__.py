"""Collectors: an engine's tensors become mergeable statistics."""
