"""What the facts of a machine mean for a cluster on it. Pure: facts in, a `Check` out."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from jupyter_scale.model.checkup import Check, CheckStatus, LeftBehind, Reached
from jupyter_scale.model.environment import EnvironmentLock, NodeFacts
from jupyter_scale.model.profile import Profile

#: Certificates of a cluster are valid from an hour before they were made, for thirty days.
CLOCK_BEHIND_S = 3600.0
CLOCK_AHEAD_S = 30 * 86400.0
_CLOCK_NOTED_S = 5.0
_WORKER_BYTES = 512 << 20
_SHARED_BYTES = 256 << 20
_SPOOL_BYTES = 2 << 30
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_OK, _WARNING, _FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED


def judge_profile(profile: Profile, places: Sequence[tuple[str, object]]) -> list[Check]:
    """Return what is wrong with a profile that names hosts.

    Parameters
    ----------
    profile : Profile
        The pools' ``hosts`` are lists of names.
    places : sequence of (str, object)
        Each name with what it leads to: two names of one machine lead to equal objects.
    """
    checks = []
    for pool in profile.pools:
        hosts = hosts_of(pool.options.get("hosts"))
        where = f"pool '{pool.name}'"
        if not hosts:
            found, advice = f"{where} names no hosts", 'Add hosts = ["NAME", ...] to it.'
            checks.append(Check(profile.name, "profile", _FAILED, found, advice))
        elif pool.min is not None and pool.min > len(hosts):
            found = f"{where} is usable from {pool.min} nodes on, and has {len(hosts)}"
            advice = f"Set min to at most {len(hosts)}, or add hosts."
            checks.append(Check(profile.name, "profile", _FAILED, found, advice))
    by_place: dict[object, list[str]] = {}
    for name, place in places:
        by_place.setdefault(place, []).append(name)
    for names in by_place.values():
        if len(names) > 1:
            shown = " and ".join(f"'{name}'" for name in names)
            found = f"{shown} are one host" if len(set(names)) > 1 else f"{names[0]} is named twice"
            advice = "Name it once: its workers would share its cores and memory."
            checks.append(Check(profile.name, "profile", _FAILED, found, advice))
    return checks


def hosts_of(value: object) -> tuple[str, ...]:
    """Return the names of hosts that an option has."""
    return tuple(map(str, value)) if isinstance(value, tuple | list) else ()


def judge_python(host: str, facts: NodeFacts, lock: EnvironmentLock, reached: Reached) -> Check:
    """Say whether a host has the notebook's minor version of Python, or can get it."""
    wanted = lock.python
    if wanted in facts.pythons:
        return Check(host, "Python", _OK, f"{wanted} ({facts.pythons[wanted]})")
    there = ", ".join(sorted(facts.pythons, key=_as_numbers)) or "none"
    if not reached.python_error:
        return Check(host, "Python", _OK, f"{wanted} will be downloaded (there: {there})")
    found = (
        f"the notebook runs Python {wanted}, and there is none of that version (there: {there});"
        f" it cannot be downloaded either: {reached.python_error}"
    )
    advice = (
        f"Install Python {wanted} there, with the host's package manager, pyenv, conda or `uv"
        f" python install {wanted}`; or start the notebook with a version that the host has."
    )
    return Check(host, "Python", _FAILED, found, advice)


def judge_own_python(
    host: str, python: str, version: str, missing: Sequence[str], wanted: str
) -> Check:
    """Say whether the Python that a pool names can be used.

    Parameters
    ----------
    version : str
        Its minor version.
    missing : sequence of str
        Modules that every node needs, and that it has not.
    wanted : str
        The minor version of the notebook's Python.
    """
    if version != wanted:
        found = f"the notebook runs Python {wanted}, and {python} is {version}"
        advice = f"Name a Python {wanted} in the profile, or none: one is made there then."
        return Check(host, "Python", _FAILED, found, advice)
    if missing:
        found = f"{python} has no {', '.join(missing)}"
        advice = "Install jupyter-scale there, or name no Python: an environment is made then."
        return Check(host, "Python", _FAILED, found, advice)
    return Check(host, "Python", _OK, f"{version} ({python})")


def judge_disk(host: str, facts: NodeFacts, lock: EnvironmentLock) -> Check:
    """Say whether the notebook's environment has room in a host's cache."""
    free = f"{show_bytes(facts.free_bytes)} free in {facts.cache}"
    if lock.hash in facts.environments:
        return Check(host, "disk", _OK, f"{free}; the environment is there")
    needed = f"the environment needs about {show_bytes(lock.size_bytes)}"
    if facts.free_bytes < lock.size_bytes:
        advice = "Free some space there; `jupyter scale clean --environments` removes old ones."
        return Check(host, "disk", _FAILED, f"{free}, and {needed}", advice)
    if facts.free_bytes < lock.size_bytes + _SPOOL_BYTES:
        advice = "Workers that run out of memory move data to the disk: free some space there."
        return Check(host, "disk", _WARNING, f"{free}, and {needed}: little is left", advice)
    return Check(host, "disk", _OK, f"{free}; {needed}")


def judge_memory(host: str, memory_bytes: int, workers: int) -> Check:
    """Say whether each worker gets enough memory."""
    if not memory_bytes:
        return Check(host, "memory", _WARNING, "how much there is could not be found out")
    share = memory_bytes / max(1, workers)
    found = f"{show_bytes(memory_bytes)}, {show_bytes(share)} for each of {workers} workers"
    if share < _WORKER_BYTES:
        advice = (
            f"Give the pool fewer workers: {max(1, memory_bytes // _WORKER_BYTES)}, for instance."
        )
        return Check(host, "memory", _WARNING, found, advice)
    return Check(host, "memory", _OK, found)


def judge_cores(host: str, cores: int, workers: int) -> Check:
    """Say whether each worker has a core."""
    if workers > cores:
        advice = (
            f"They take turns: give the pool at most {cores} workers, or none at all to say so."
        )
        return Check(host, "cores", _WARNING, f"{cores}, for {workers} workers", advice)
    return Check(host, "cores", _OK, str(cores))


def judge_gpus(host: str, gpus: Iterable[str]) -> Check:
    """Name the GPUs; none is fine."""
    counted = Counter(gpus)
    shown = ", ".join(name if n == 1 else f"{n} x {name}" for name, n in counted.items())
    return Check(host, "GPU", _OK, shown or "none that nvidia-smi knows")


def judge_index(host: str, reached: Reached) -> Check:
    """Say where packages come from."""
    if not reached.index_error:
        return Check(host, "packages", _OK, f"from {reached.index}")
    found = (
        f"{reached.index} cannot be reached ({reached.index_error}):"
        " packages will be sent from here"
    )
    advice = (
        "The first start takes longer. A mirror that the host reaches belongs into its pip.conf or"
        " uv.toml; a proxy into the environment of its login shell."
    )
    return Check(host, "packages", _WARNING, found, advice)


def judge_clock(host: str, offset_s: float) -> Check:
    """Say whether a host's clock is right enough for certificates."""
    if abs(offset_s) <= _CLOCK_NOTED_S:
        return Check(host, "clock", _OK, "right")
    found = f"{show_seconds(abs(offset_s))} {'ahead of' if offset_s > 0 else 'behind'} this machine"
    advice = "Set one of the two clocks, for instance with `timedatectl set-ntp true` there."
    if offset_s < -CLOCK_BEHIND_S or offset_s > CLOCK_AHEAD_S:
        found += ": the cluster's certificates would not be valid there"
        return Check(host, "clock", _FAILED, found, advice)
    return Check(host, "clock", _WARNING, found, advice)


def judge_leftovers(host: str, left: Iterable[LeftBehind], known: Collection[str]) -> Check:
    """Say what clusters have left on a host that this machine knows nothing of."""
    strange = [one for one in left if one.cluster not in known]
    if not strange:
        return Check(host, "leftovers", _OK, "none")
    found = "; ".join(map(_describe, strange))
    pids = [str(pid) for one in strange for pid in one.pids]
    folders = [folder for one in strange for folder in one.directories]
    steps = [shlex.join(["kill", "-9", *pids])] if pids else []
    steps += [shlex.join(["rm", "-rf", "--", *folders])] if folders else []
    there = shlex.join(["ssh", host, "; ".join(steps)])
    advice = f"Unless another machine of yours uses them, end and remove them:\n    {there}"
    return Check(host, "leftovers", _WARNING, found, advice)


def judge_meeting(host: str, head: str, address: str, why: str) -> Check:
    """Say whether a host reaches the first one."""
    if not why:
        return Check(host, "network", _OK, f"reaches {head} at {address}")
    found = f"does not reach {head} at {address}: {why}"
    advice = (
        "The nodes of a cluster connect to each other, on any port: open the firewalls between"
        " them, or list hosts of one network only."
    )
    return Check(host, "network", _FAILED, found, advice)


def judge_shared_memory(host: str, free_bytes: int | None) -> Check:
    """Say whether large values can go through memory that processes share."""
    if free_bytes is None:
        return Check(host, "shared memory", _WARNING, "there is no /dev/shm: cells are slower")
    found = f"{show_bytes(free_bytes)} free in /dev/shm"
    if free_bytes < _SHARED_BYTES:
        advice = "Large values go over a connection instead, which is slower. In a container,"
        advice += " --shm-size gives it more."
        return Check(host, "shared memory", _WARNING, found, advice)
    return Check(host, "shared memory", _OK, found)


def judge_room(host: str, free_bytes: int, where: str) -> Check:
    """Say whether workers that run out of memory can move data to the disk."""
    found = f"{show_bytes(free_bytes)} free in {where}"
    if free_bytes < _SPOOL_BYTES:
        advice = "Workers that run out of memory move data there: free some space."
        return Check(host, "disk", _WARNING, found, advice)
    return Check(host, "disk", _OK, found)


def show_bytes(size: float) -> str:
    """Return a size as people write it."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def show_seconds(seconds: float) -> str:
    """Return a span as people say it: ``"90 s"`` is ``"1.5 min"``."""
    for scale, unit in _UNITS:
        if seconds >= scale:
            return f"{seconds / scale:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.1f} s"


def _describe(one: LeftBehind) -> str:
    parts = []
    if one.pids:
        parts.append(f"{len(one.pids)} process{'es' if len(one.pids) > 1 else ''}")
    parts += one.directories
    return f"cluster {one.cluster}: {', '.join(parts)}, for {show_seconds(one.age_s)}"


def _as_numbers(version: str) -> list[int]:
    return [int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")]
