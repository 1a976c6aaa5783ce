"""What `ea.evaluate` returns: frames, texts, files."""
