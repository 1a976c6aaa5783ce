"""Many requests in one file, answered within a day for less: gathered, submitted, watched, collected."""
