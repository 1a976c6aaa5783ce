"""Ray clusters: reaching one, and what is carried to its workers. What they compute stands where it is asked for."""
