"""Data quality and gates as Dagster asset checks."""
