"""The Python door: `ea.evaluate` and what it returns. Evaluates by the stages of the pipeline, without Dagster."""
