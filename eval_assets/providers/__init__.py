"""Clients of model providers, and the engine that asks them."""
