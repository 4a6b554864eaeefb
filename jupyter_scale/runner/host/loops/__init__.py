"""Loops that spread: measured here, run on workers, validated, given back in order."""
