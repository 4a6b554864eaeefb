"""What a profile can name: hosts that the user's SSH knows, machines that can be rented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_scale.clusters import store

if TYPE_CHECKING:
    from jupyter_scale.model.offer import Offer


def ssh_hosts() -> tuple[str, ...]:
    """Return the names of the user's ssh_config."""
    from jupyter_scale.transport.ssh.aliases import read_aliases

    return read_aliases()


def aws_offers(region: str, aws_profile: str = "") -> tuple[Offer, ...]:
    """Return types of instances, with their prices.

    Raises
    ------
    AwsError
        When AWS cannot be asked.
    """
    from jupyter_scale.providers.aws.cloud import Cloud
    from jupyter_scale.providers.aws.offers import look_up_offers

    return look_up_offers(Cloud(region, aws_profile), store.root())
