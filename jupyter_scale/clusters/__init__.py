"""Declared clusters made real: profiles, saved state, reconciliation."""
