"""What security groups let in, and that on the machines' network too.

A packet filter is not needed: what a host sends to whom it must not hear goes to a hardware
address that nobody has, so that nothing answers, as behind Amazon's. Coarser than Amazon's: a
whole client for the port of SSH, a whole peer for any port; whoever may be asked may ask as well.
"""

from ipaddress import ip_address, ip_network

from sshlab import ip_in

_NOBODY = "02:00:00:00:00:01"


def admits_address(groups, address, port):
    """Tell whether groups let an address in to a TCP port."""
    return any(
        (cidr := rule.ip_range.get("CidrIp")) and ip_address(address) in ip_network(cidr)
        for rule in _rules(groups, port)
    )


def admits_peer(groups, others):
    """Tell whether groups let in members of other groups, on any TCP port."""
    ids = {group.id for group in others}
    return any(rule.source_group.get("GroupId") in ids for rule in _rules(groups))


def _rules(groups, port=None):
    """Return the rules that speak of TCP, and of a port if one is asked for."""
    return [
        rule
        for group in groups
        for rule in group.ingress_rules
        if rule.ip_protocol == "-1"
        or (rule.ip_protocol == "tcp" and (port is None or rule.from_port <= port <= rule.to_port))
    ]


def _hears(host, other):
    return admits_peer(host.groups, other.groups) or admits_address(
        host.groups, other.address, host.machine.port
    )


def enforce(instances, client):
    """Let each host answer only whom its groups let in.

    Parameters
    ----------
    instances
        Those that have a network (`Ec2Instance`).
    client
        The address of the lab's client.
    """
    for host in instances:
        silent = host.silent or not admits_address(host.groups, client, host.machine.port)
        unheard = {client} if silent else set()
        for other in instances:
            if other is not host and not (_hears(host, other) or _hears(other, host)):
                unheard.add(other.address)
        lines = [
            f"neigh replace {address} lladdr {_NOBODY} dev eth0 nud permanent"
            for address in unheard - host.unheard
        ]
        lines += [f"neigh del {address} dev eth0" for address in host.unheard - unheard]
        if lines:
            ip_in(host.namespace, *lines)
        host.unheard = unheard
