"""Heuristic metrics: pure functions from predictions to scores, and the pass that computes only what is new."""
