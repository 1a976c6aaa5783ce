"""Rows of the report tables, computed from scores."""
