"""Hosts over SSH: who they are, a connection to them, and commands, files and tunnels on it."""
