"""The pass over predictions: which scores are known, which are open, and a row for each."""
