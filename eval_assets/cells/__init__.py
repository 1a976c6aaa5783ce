"""What happens in one cell: from a dataset row and a candidate to predictions, scores and aggregates. No Dagster here."""
