"""Metrics of short or structured answers: right or wrong."""
