"""A package, because textstat installs one called `tests` that would otherwise be found first."""
