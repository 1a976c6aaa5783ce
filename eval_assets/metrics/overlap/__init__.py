"""Metrics that count what output and target share: words, n-grams, characters."""
