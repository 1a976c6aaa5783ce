"""What a table of scores allows one to conclude: numpy arrays in, frozen dataclasses out.

Knows nothing of Dagster, tables or files. Higher is better unless a function is told otherwise.
"""
