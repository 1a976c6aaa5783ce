"""Doors of other tools, opened onto this one: the same arguments in, the same shape out."""
