"""The stages of an evaluation, each from tables to a table."""
