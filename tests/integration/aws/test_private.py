"""Instances without public addresses, behind a jump host."""

import socket

import pytest

from awsclient import launch
from awsprofiles import left, write_profile


@pytest.fixture
def bastion(aws, image, tmp_path):
    """A jump host of the user's own, and the ssh_config that names it."""
    [instance] = launch(aws, image)
    instance.wait_for_ssh()
    key = (instance.machine.directory / "host_ed25519.pub").read_text()
    (tmp_path / "known_hosts").write_text(f"{instance.address} {key}")
    lines = [
        "Host bastion",
        f"HostName {instance.address}",
        f"User {instance.user}",
        f"IdentityFile {aws.key}",
        "IdentitiesOnly yes",
        f"UserKnownHostsFile {tmp_path / 'known_hosts'}",
    ]
    (tmp_path / "ssh_config").write_text("\n".join(lines))
    return instance


def test_the_whole_way_behind_a_jump_host(aws, bastion, tmp_path, ec2_laptop):
    before = left(aws)
    write_profile(
        tmp_path / "notebooks",
        {"count": 2},
        address="private",
        jump="bastion",
        ssh_config=str(tmp_path / "ssh_config"),
        ssh_from=f"{bastion.address}/32",
    )
    laptop = ec2_laptop()
    assert "is up: 2 workers" in laptop.run("%scale up train")
    nodes = [one for one in aws.living if one is not bastion]
    assert [one.public_address for one in nodes] == ["", ""]
    for one in nodes:
        with aws.inside(), socket.socket() as direct:
            direct.settimeout(2)
            assert direct.connect_ex((one.address, 22))  # only by way of the bastion
    laptop.run("%%scale\nimport socket\nwhere = socket.gethostname()")
    assert laptop.run("print(where)").strip() in {one.id for one in nodes}
    laptop.run("%scale down")
    assert left(aws) == before
