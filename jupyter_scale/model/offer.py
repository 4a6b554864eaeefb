"""Offers: machines that can be rented, as a form lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """One type of machines, and what one costs.

    Parameters
    ----------
    name : str
        What it is called where it is rented out.
    cores, memory_bytes : int
        What one has.
    gpus : tuple of str
        Names of its GPUs.
    usd_per_h, spot_usd_per_h : float, optional
        What it costs; None when that is not known.
    source : str
        Where the price comes from, or why it is not known.
    """

    name: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    usd_per_h: float | None
    spot_usd_per_h: float | None
    source: str
