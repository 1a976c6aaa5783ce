"""What is computed, one module per stage, and what each stage is made from. How Dagster draws it is in the wiring."""
