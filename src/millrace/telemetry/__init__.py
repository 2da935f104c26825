"""Measuring the machine that a run runs on."""
