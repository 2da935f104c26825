"""Small programs that run inside another environment or process than the harness."""
