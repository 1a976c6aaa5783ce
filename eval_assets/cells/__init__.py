"""What happens in one cell: from dataset rows and a candidate to predictions, scores and aggregates. No Dagster."""
