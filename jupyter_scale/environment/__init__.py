"""The notebook's Python on a node: its packages by `uv`, its own modules and files as a bundle."""
