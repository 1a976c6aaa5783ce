"""Requests on their way: the engine, its limits, budgets and progress."""
