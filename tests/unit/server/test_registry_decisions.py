"""Which of the saved clusters a server takes over, and which it only shows."""

import pytest

from jupyter_scale.model.cluster import ClusterState, Owner, Ownership, Status, Target
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.server.adopting import Decision, decide

ME, LIVING, DEAD = Owner(1, 1.0), Owner(2, 1.0), Owner(3, 1.0)
SERVER, KERNEL = Ownership.SERVER, Ownership.KERNEL
IGNORE, ADOPT, SHOW = Decision((), ()), Decision(("c",), ()), Decision((), ("c",))


@pytest.mark.parametrize(
    ("ownership", "owner", "owned", "decision"),
    [
        (SERVER, DEAD, (), ADOPT),
        (SERVER, LIVING, (), IGNORE),
        (SERVER, ME, (), IGNORE),
        (SERVER, DEAD, ("c",), IGNORE),
        (KERNEL, LIVING, (), SHOW),
        (KERNEL, DEAD, (), IGNORE),
    ],
)
def test_table(ownership, owner, owned, decision):
    state = ClusterState(
        "c",
        "p",
        Profile("p", "local", (Pool("p"),)),
        Status.RUNNING,
        Target.UP,
        owner,
        "/d",
        "/s",
        0.0,
        ownership=ownership,
    )
    assert decide([state], owned, ME, lambda owner: owner in (ME, LIVING)) == decision
