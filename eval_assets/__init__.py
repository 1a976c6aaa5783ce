"""LLM evaluation as a Dagster asset project."""
