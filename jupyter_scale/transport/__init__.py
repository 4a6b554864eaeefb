"""Byte pipes, files and commands, here and on other machines."""
