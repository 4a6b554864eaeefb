"""The runner: a notebook's other half on the cluster, seen from both ends."""
