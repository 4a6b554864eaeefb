"""Runs on the disk of a node, kept for notebooks that are away."""
