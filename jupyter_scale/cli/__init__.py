"""``jupyter scale``: start, look at and end clusters, and check their hosts, from a terminal."""

from jupyter_scale.cli.entry import main

__all__ = ["main"]
