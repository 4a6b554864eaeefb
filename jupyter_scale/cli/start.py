"""``up``: a cluster that goes on when the terminal is closed."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from jupyter_scale.cli.saved import saved_states
from jupyter_scale.cli.terminal import Progress, asking, complain, say
from jupyter_scale.clusters.cluster import Cluster
from jupyter_scale.clusters.costs import quote_lines
from jupyter_scale.clusters.profiles import load_profile
from jupyter_scale.errors import StartError
from jupyter_scale.model.cluster import ClusterEvent, ClusterState, Ownership, Status, Target
from jupyter_scale.model.profile import Profile
from jupyter_scale.transport.lifeline import is_alive


def up(name: str, workers: int | None, directory: Path) -> None:
    """Start the cluster of a profile, unless it runs already; what fails leaves nothing behind.

    Raises
    ------
    ProfileError
        When there is no such profile, or it is wrong.
    StartError
        When something does not come up.
    """
    profile = load_profile(name, directory.resolve())
    if workers is not None:
        profile = profile.with_workers(workers)
    running = [state for state in saved_states() if _is_it(state, name)]
    if any(_goes_on(state, workers) for state in running):
        return
    _start(profile)


def dry_run(name: str, directory: Path) -> None:
    """Show what the cluster of a profile would cost; nothing is started.

    Raises
    ------
    ProfileError
        When there is no such profile, or it is wrong.
    ClusterError
        When prices cannot be asked.
    """
    say("\n".join(quote_lines(load_profile(name, directory.resolve()))))


def _is_it(state: ClusterState, name: str) -> bool:
    """Tell whether a cluster is what `up` would start: what a kernel started is that kernel's."""
    is_up = state.target is Target.UP and state.status in (Status.STARTING, Status.RUNNING)
    return state.name == name and state.ownership is Ownership.SERVER and is_up


def _goes_on(state: ClusterState, workers: int | None) -> bool:
    """Tell, and say, whether a saved cluster runs; take it over if nobody has it."""
    if is_alive(state.owner):
        doing = "runs" if state.status is Status.RUNNING else "is starting"
        owner = f"owned by process {state.owner.pid}"
        say(f"Cluster {state.name} {doing} already ({state.id}), {owner}.")
        _say_size(state, workers)
        return True
    with Progress() as progress, asking() as ask, _ended_by_signals():
        cluster = Cluster.adopt(
            state.id, lambda event: progress.show(event.step, event.message), ask
        )
        if cluster is None:  # somebody was quicker
            say(f"Cluster {state.name} runs already ({state.id}).")
            return True
        try:
            cluster.wait_ready()
        except StartError as error:
            progress.show("", f"The one that was up ({state.id}) has ended: {error.why}.")
            return False
    say(f"Cluster {state.name} runs already ({state.id}).")
    if cluster.is_elastic:  # others would be rented for them
        _say_size(cluster.state, workers)
    elif workers is not None and workers != sum(node.workers for node in cluster.state.nodes):
        cluster.scale(workers * len(cluster.state.nodes))
        say(f"It gets {workers} workers on each node.")
    cluster.leave()
    return True


def _say_size(state: ClusterState, workers: int | None) -> None:
    there = sum(node.workers for node in state.nodes)
    if workers is not None and workers * len(state.nodes) != there:
        say(f"It has {there} workers: change that in the panel, or with `%scale up --workers N`.")


def _start(profile: Profile) -> None:
    with Progress() as progress, asking() as ask, _ended_by_signals():

        def on_event(event: ClusterEvent) -> None:
            progress.show(event.step, event.message)

        cluster = Cluster.create(profile, on_event=on_event, ownership=Ownership.SERVER, ask=ask)
        try:
            cluster.start()
        except KeyboardInterrupt:
            progress.show("", "Given up: what was begun has been ended.")
            raise
        except StartError:
            progress.show("", "What was begun has been ended.")
            raise
    cluster.leave()
    state = cluster.state
    say(f"Cluster {state.name} is up ({state.id}). `%scale up {state.name}` in a notebook uses it;")
    say(f"`jupyter scale down {state.name}` ends it.")


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a closed terminal, or `kill`, do what Ctrl-C does: nothing half begun is left."""

    def interrupt(number: int, _frame: object) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            complain(f"{signal.Signals(number).name}: giving up")
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
