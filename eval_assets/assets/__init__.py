"""Dagster assets: wiring between the core and the lineage graph."""
