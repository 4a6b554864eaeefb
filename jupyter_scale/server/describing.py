"""The REST endpoints with which a cluster is described: choices, prices, and its profile."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_scale.clusters.choices import aws_offers, ssh_hosts
from jupyter_scale.clusters.costs import quote
from jupyter_scale.clusters.drafts import add_profile, check_draft
from jupyter_scale.clusters.profiles import profile_names, search_path
from jupyter_scale.errors import ProfileExists
from jupyter_scale.model.cost import Quote
from jupyter_scale.server.bodies import read_body
from jupyter_scale.server.handlers import ScaleHandler, explained


class ProfilesHandler(ScaleHandler):
    """All profiles."""

    @web.authenticated
    @authorized
    @explained
    async def get(self) -> None:
        """List their names."""
        self.answer({"profiles": list(self.registry.profiles)})

    @web.authenticated
    @authorized
    @explained
    async def post(self) -> None:
        """Add one: its ``name``, its ``table`` as ``scale.toml`` has it, and the ``place``.

        ``"folder"`` is the server's directory, ``"config"`` that of Jupyter's configuration.
        """
        body = read_body(self.request.body, ("name", "table", "place"), ("name", "table"))
        name, root = body["name"], self.settings["server_root_dir"]

        def add() -> Path:
            directory = Path(root).expanduser()
            beside, config = search_path(directory)
            path = beside if body.get("place") == "folder" else config
            if name in profile_names(directory):
                raise ProfileExists(
                    f"There is a profile {name!r} already: choose another name.",
                    "There is a profile of this name: choose another name.",
                    "name",
                )
            add_profile(path, name, body["table"])
            return path

        self.answer({"path": str(await asyncio.to_thread(add))}, 201)


class QuoteHandler(ScaleHandler):
    """What a cluster of a profile would cost."""

    @web.authenticated
    @authorized
    @explained
    async def get(self, profile: str) -> None:
        """Tell it, in ``lines`` for people, and how much it is; nothing is started."""
        self.answer(_plain(await asyncio.wrap_future(self.registry.quote(profile))))


class DraftQuoteHandler(ScaleHandler):
    """What a cluster would cost that is not yet a profile."""

    @web.authenticated
    @authorized
    @explained
    async def post(self) -> None:
        """Check a ``table``, and tell what its cluster would cost; nothing is kept."""
        body = read_body(self.request.body, ("name", "table"), ("name", "table"))
        draft = check_draft(body["name"], body["table"])
        self.answer(_plain(await asyncio.to_thread(quote, draft)))


class HostsHandler(ScaleHandler):
    """The hosts that can be reached by SSH."""

    @web.authenticated
    @authorized
    @explained
    async def get(self) -> None:
        """List the names of the user's ssh_config."""
        self.answer({"hosts": list(await asyncio.to_thread(ssh_hosts))})


class OffersHandler(ScaleHandler):
    """The machines that can be rented."""

    @web.authenticated
    @authorized
    @explained
    async def get(self, region: str) -> None:
        """List the usual types of a region of AWS, with prices; what is not known is null."""
        aws_profile = self.get_query_argument("aws_profile", "")
        offers = await asyncio.to_thread(aws_offers, region, aws_profile)
        self.answer({"offers": [asdict(offer) for offer in offers]})


def _plain(quoted: Quote | None) -> dict[str, object]:
    if quoted is None:
        return {"usd_per_h": 0.0, "lasts_s": None, "lines": []}
    return {"usd_per_h": quoted.usd_per_h, "lasts_s": quoted.lasts_s, "lines": quoted.lines()}


def routes() -> list[tuple[str, type[web.RequestHandler]]]:
    """Return ``pattern → handler`` of these endpoints, without the server's base address."""
    return [
        (r"/jupyter-scale/api/profiles", ProfilesHandler),
        (r"/jupyter-scale/api/profiles/([\w.-]+)/quote", QuoteHandler),
        (r"/jupyter-scale/api/quotes", DraftQuoteHandler),
        (r"/jupyter-scale/api/hosts", HostsHandler),
        (r"/jupyter-scale/api/offers/([a-z0-9-]+)", OffersHandler),
    ]
