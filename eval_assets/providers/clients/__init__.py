"""Clients of remote providers, of functions and of recorded predictions."""
