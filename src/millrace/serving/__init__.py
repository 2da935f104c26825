"""A model behind HTTP: one process that accepts, several that score."""
