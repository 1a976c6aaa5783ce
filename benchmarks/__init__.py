"""Comparisons with named peers and limits, each a script: `python -m benchmarks.NAME`."""

import os

# What is installed has its bytecode beside it; a machine that forbids writing it would compile this checkout anew in
# each process that is measured, and its peers' packages in none.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
