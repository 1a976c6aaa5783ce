"""What an evaluation showed, as tables and as pages: aggregates, comparison, gates, flips, history, and their
renderers.

The arithmetic is in `statistics`; nothing here knows of Dagster.
"""
