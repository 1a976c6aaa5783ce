"""What `ea.evaluate` is given, turned into what files declare."""
