"""Metrics that need a local neural model."""
