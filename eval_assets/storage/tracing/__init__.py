"""From a score back to the dataset row."""
