"""A graph in the hand: its nodes, tensors, wiring and weights, to look at and to change."""
