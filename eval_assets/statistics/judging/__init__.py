"""Judges against people: agreement, correction, bias."""
