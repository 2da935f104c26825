"""The way out of the process by HTTP."""
