"""Every state that a candidate was computed in, read from commits and from tables whose rows are only ever added."""
