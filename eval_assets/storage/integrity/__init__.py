"""Whether tables can be read: where they may lie, what is damaged, and what helps then."""
