"""One file of `data/` by itself: where it may lie, how it is read, which values it may hold."""
