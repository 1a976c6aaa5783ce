"""How numbers and foreign text are written for people: one way, in every output."""
