"""Checks across files: what a file names, against the rows, code and folders it names it of."""
