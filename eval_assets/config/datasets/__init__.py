"""Dataset cards, rows, documents and labels."""
