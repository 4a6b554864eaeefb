"""The process that keeps a node: the same on this machine and on any other."""
