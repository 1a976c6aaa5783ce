"""Metrics of the output alone: how long, how hard to read."""
