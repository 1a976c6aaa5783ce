"""Candidates against each other: paired differences, tests, rankings, gates."""
