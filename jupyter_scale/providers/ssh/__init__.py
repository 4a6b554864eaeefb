"""Nodes that are hosts, reached over SSH."""
