"""Keeping tables small: which former versions may still be asked for, and what of the rest can go."""
