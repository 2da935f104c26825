"""Local files: written so that nobody ever sees half of one, read so that nobody can hurt us."""
