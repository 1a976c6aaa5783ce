"""Metrics of retrieved documents: their order, their cover of the answer."""
