"""Flavors: one page for each library whose models are kept. See README.md beside this."""
