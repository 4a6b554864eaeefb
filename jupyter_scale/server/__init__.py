"""The Jupyter Server extension: owns clusters, and tells panels what goes on."""

from __future__ import annotations
