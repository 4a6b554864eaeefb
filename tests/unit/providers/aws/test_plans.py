"""What is asked of AWS, and when it has to end: decided without asking anybody."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jupyter_scale.errors import AwsError, NoCapacity, ProfileError, QuotaReached
from jupyter_scale.model.cluster import Machine, NodeState, Rental, Status
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.aws.instances import instance_of
from jupyter_scale.providers.aws.journal import Journal, Launch
from jupyter_scale.providers.aws.keys import ALIAS, host_key, known_hosts_path
from jupyter_scale.providers.aws.kinds import Image, Kind, nearest, parameter_of
from jupyter_scale.providers.aws.launching import Offer, Terms, offers, run_parameters, why_none
from jupyter_scale.providers.aws.limits import limits_of, until_of
from jupyter_scale.providers.aws.naming import Identity, client_token, next_names
from jupyter_scale.providers.aws.options import settings_of
from jupyter_scale.providers.aws.refusals import Asked, explain, quota_of
from jupyter_scale.providers.aws.slots import Phase, Slot, of_launches, one_of, seen
from jupyter_scale.providers.aws.userdata import MOST_BYTES, user_data
from jupyter_scale.providers.provider import Failure

HOUR_S = 3600.0


def profile(*pools, **options):
    made = [
        Pool(pool.pop("name", f"p{i}"), pool.pop("count", 1), options={**_type(), **pool})
        for i, pool in enumerate(pools or ({},))
    ]
    return Profile("train", "aws", tuple(made), options={"region": "us-east-1", **options})


def _type():
    return {"instance_type": "g5.xlarge"}


# -- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pool", "options", "said"),
    [
        ({"instance_type": "large"}, {}, "'large' is no type of instances"),
        ({"fallback": ("ondemand",)}, {}, 'expected one such as "g5.xlarge", "on-demand"'),
        ({}, {"address": "secret"}, 'expected "public" or "private"'),
        ({}, {"address": "private"}, "ssh_from"),
        ({}, {"jump": "bastion"}, "ssh_from"),
        ({}, {"ssh_from": "somewhere"}, "expected a network"),
        ({"fallback": ("zones",)}, {"subnet_id": "subnet-1"}, "leave subnet_id out"),
    ],
)
def test_what_contradicts_itself_is_refused(pool, options, said):
    with pytest.raises(ProfileError, match=said):
        settings_of(profile(pool, **options))


def test_a_pool_goes_before_the_cluster():
    settings = settings_of(profile({"ami": "ubuntu"}, {}, ami="ami-1", disk_gb=50))
    assert [pool.ami for pool in settings.pools] == ["ubuntu", "ami-1"]
    assert [pool.disk_gb for pool in settings.pools] == [50, 50]


# -- launches --------------------------------------------------------------------------------

KINDS = {
    name: Kind(name, "x86_64", 4, 16 << 30, (), ("us-east-1a", "us-east-1b"))
    for name in ("g5.xlarge", "g4dn.xlarge")
}


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ({}, ["g5.xlarge on demand"]),
        ({"spot": True}, ["g5.xlarge spot"]),
        (
            {"spot": True, "fallback": ("g4dn.xlarge", "on-demand")},
            ["g5.xlarge spot", "g4dn.xlarge spot", "g5.xlarge on demand", "g4dn.xlarge on demand"],
        ),
        (
            {"fallback": ("zones",)},
            [f"g5.xlarge on demand{where}" for where in ("", " in us-east-1a", " in us-east-1b")],
        ),
    ],
)
def test_offers_are_tried_in_order(pool, expected):
    [wish] = settings_of(profile(pool)).pools
    assert [str(offer) for offer in offers(wish, KINDS)] == expected


def test_why_there_is_none_says_what_else_there_is():
    [wish] = settings_of(profile({"spot": True})).pools
    no_room = NoCapacity("x", "no capacity in this zone", code="InsufficientInstanceCapacity")
    said = str(why_none(wish, 3, [(Offer("g5.xlarge", is_spot=True), no_room)]))
    assert "no capacity for 3 instances" in said
    assert "g5.xlarge spot: no capacity in this zone" in said
    assert 'fallback = ["zones", "on-demand"]' in said
    quota = QuotaReached("x", "quota", "raise it")
    assert why_none(wish, 1, [(Offer("g5.xlarge", is_spot=True), quota)]) is quota


def test_tokens_are_of_cluster_pool_and_number():
    tokens = {client_token(c, p, n) for c in "ab" for p in "cd" for n in (1, 2)}
    assert len(tokens) == 8
    assert client_token("a", "c", 1) == client_token("a", "c", 1)
    assert all(len(token) <= 64 for token in tokens)


def launch(**changes):
    fields = {
        "pool": "gpu",
        "number": 1,
        "token": "t1",
        "nodes": ("gpu-1", "gpu-2"),
        "kind": "g5.xlarge",
        "zone": "",
        "is_spot": False,
        "usd_per_h": 1.0,
        "dearest_usd_per_h": 1.0,
        "user": "ubuntu",
        "asked_at": 0.0,
    }
    return Launch(**{**fields, **changes})


def run(launch, **options):
    tags = Identity("c1", "train", "me@here", "l1").tags(0.0, HOUR_S)
    terms = Terms(2, "key", "sg-1", "#cloud-config\n{}", tags)
    image = Image("ami-1", "/dev/sda1", 100, "ubuntu")
    return run_parameters(launch, image, settings_of(profile(**options)), terms)


def test_instances_end_with_all_that_is_theirs():
    asked = run(launch())
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    [disk] = asked["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/sda1"
    assert disk["Ebs"]["Encrypted"]
    assert disk["Ebs"]["DeleteOnTermination"]
    assert disk["Ebs"]["VolumeType"] == "gp3"
    assert (asked["MinCount"], asked["MaxCount"]) == (2, 2)
    for tagged in asked["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in tagged["Tags"]}
        assert tags["jupyter-scale:cluster"] == "c1"
        assert tags["jupyter-scale:owner"] == "me@here"
        assert tags["jupyter-scale:expires"] == "1970-01-01T01:00:00Z"
        assert tags["jupyter-scale:launch"] == "t1"
    assert {t["ResourceType"] for t in asked["TagSpecifications"]} >= {"instance", "volume"}
    assert "InstanceMarketOptions" not in asked


def test_spot_subnet_zone_and_private_addresses():
    asked = run(
        launch(is_spot=True, zone="us-east-1b"),
        address="private",
        ssh_from="10.0.0.0/8",
        subnet_id="subnet-1",
    )
    assert asked["InstanceMarketOptions"]["SpotOptions"]["SpotInstanceType"] == "one-time"
    assert asked["Placement"] == {"AvailabilityZone": "us-east-1b"}
    [interface] = asked["NetworkInterfaces"]
    assert not interface["AssociatePublicIpAddress"]
    assert interface["SubnetId"] == "subnet-1"
    assert "SecurityGroupIds" not in asked


def test_user_data_is_small_enough(tmp_path):
    until = until_of(settings_of(profile(max_cost=5.0)), [], 0.0)
    limits = limits_of("c1", until, 7200.0, 0.0, is_spot=True)
    text = user_data(limits, host_key(tmp_path), "ec2-user")
    assert len(text.encode()) < MOST_BYTES
    config = json.loads(text.removeprefix("#cloud-config\n"))
    paths = {file["path"]: file for file in config["write_files"]}
    assert json.loads(paths["/var/lib/jupyter-scale/limits.json"]["content"])["is_spot"]
    pinned = known_hosts_path(tmp_path).read_text()
    assert pinned == f"{ALIAS} {config['ssh_keys']['ed25519_public']}\n"
    assert config["runcmd"] == [["sh", "/var/lib/jupyter-scale/begin"]]


# -- kinds and images ------------------------------------------------------------------------


def test_the_nearest_types():
    offered = ["g5.2xlarge", "g5.metal", "g4dn.xlarge", "m5.xlarge", "g6.xlarge", "g5.4xlarge"]
    near = nearest("g5.xlarge", offered)
    assert near[:2] == ["g5.2xlarge", "g5.4xlarge"]
    assert "m5.xlarge" not in near


@pytest.mark.parametrize(
    ("ami", "arch", "gpus", "expected"),
    [
        ("", "x86_64", (), "al2023-ami-kernel-default-x86_64"),
        ("", "arm64", (), "al2023-ami-kernel-default-arm64"),
        ("", "x86_64", ("A10G",), "deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu"),
        ("amazon-linux", "x86_64", ("A10G",), "al2023"),
        ("ubuntu", "arm64", (), "canonical/ubuntu/server/24.04/stable/current/arm64"),
        ("ami-1", "x86_64", (), ""),
    ],
)
def test_the_image_suits_the_type(ami, arch, gpus, expected):
    found = parameter_of(ami, Kind("k", arch, 4, 1 << 30, gpus, ()))
    assert expected in found
    assert bool(expected) == bool(found)


# -- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "is_spot", "expected"),
    [
        ("m5.large", False, "L-1216C47A"),
        ("g5.xlarge", False, "L-DB2E81BA"),
        ("p4d.24xlarge", True, "L-7212CCBC"),
        ("inf2.xlarge", False, "L-1945791B"),
        ("trn1.2xlarge", False, "L-2C3B7624"),
        ("t3.micro", True, "L-34B43A08"),
    ],
)
def test_the_quota_of_a_type(kind, is_spot, expected):
    assert quota_of(kind, is_spot=is_spot)[1] == expected


def test_a_wrong_clock_is_told_from_wrong_credentials():
    asked = Asked("DescribeInstances", "us-east-1")
    assert "clock is wrong" in str(explain(asked, "RequestTimeTooSkewed", "by 12 min"))
    assert isinstance(explain(asked, "Whatever", "It is so."), AwsError)


def node(name, rental, status=Status.RUNNING):
    machine = Machine("u@h", rental=rental)
    return NodeState(name, "gpu", 1, 0.0, status, 1, machine=machine)


# -- slots -----------------------------------------------------------------------------------


def described(state, **more):
    return {
        "InstanceId": "i-1",
        "State": {"Name": state},
        "InstanceType": "g5.xlarge",
        "PublicIpAddress": "203.0.113.7" if state == "running" else None,
        "PrivateIpAddress": "10.0.0.7",
        "LaunchTime": datetime.fromtimestamp(HOUR_S, UTC),
        "Tags": [{"Key": "jupyter-scale:launch", "Value": "t1"}],
        **more,
    }


def look(slot, state, now=2 * HOUR_S, **more):
    return seen(slot, instance_of(described(state, **more)), launch(), is_public=True, now=now)


def test_a_node_from_its_launch_to_its_address():
    waiting = Slot(node("gpu-1", Rental(), Status.STARTING), Phase.WANTED).launched(launch(), 5.0)
    assert waiting.phase is Phase.ASKED
    assert waiting.rental.dearest_usd_per_h == 1.0
    pending = look(waiting, "pending")
    assert pending.phase is Phase.BOOTING
    there = look(pending, "running")
    assert (there.phase, there.host) == (Phase.THERE, "ubuntu@203.0.113.7")
    assert there.rental.launched_at == HOUR_S
    assert there.rental.address == "10.0.0.7"
    assert look(there, "running") is there


def used(**fields):
    there = look(Slot(node("gpu-1", Rental(dearest_usd_per_h=1.0)), Phase.ASKED), "running")
    return replace(there, node=replace(there.node, pid=7, **fields))


TAKEN = {"StateReason": {"Message": "Server.SpotInstanceTermination: taken back"}}
OWN = {"StateReason": {"Message": "Client.InstanceInitiatedShutdown: shut down"}}


def test_what_is_taken_away_is_asked_for_again():
    again = look(used(), "terminated", **TAKEN)
    assert again.phase is Phase.WANTED
    assert again.rental.instance == ""
    assert "taken back" in again.news


@pytest.mark.parametrize(
    ("fields", "more", "said"),
    [
        ({}, OWN, "Client.InstanceInitiatedShutdown"),
        ({"has_scheduler": True}, TAKEN, "start it again"),
    ],
)
def test_what_ended_itself_is_not(fields, more, said):
    over = look(used(**fields), "terminated", **more)
    assert over.phase is Phase.FAILED
    assert said in f"{over.failure.why} {over.failure.next_step}"


def test_instances_are_known_by_their_launch():
    journal = Journal("us-east-1").with_launch(launch()).with_launch(launch(token="t2", number=2))
    assert journal.next_number("gpu") == 3
    instances = [instance_of(described("running", AmiLaunchIndex=1))]
    assert list(of_launches(journal, instances)) == ["gpu-2"]
    strange = instance_of({**described("running"), "Tags": []})
    assert of_launches(journal, [strange]) == {}


def test_an_instance_that_has_ended_is_not_taken_for_its_successor():
    again = look(used(), "terminated", **TAKEN)
    second = launch(token="t2", number=2)
    journal = Journal("us-east-1").with_launch(launch()).with_launch(second)
    assert journal.latest_of("gpu-1") == second
    waiting = again.launched(second, 3 * HOUR_S)
    old = instance_of(described("terminated")), launch()
    new = instance_of(described("pending", InstanceId="i-2")), second
    assert one_of(waiting, [old], second) is None  # AWS does not tell of the new one yet
    assert one_of(waiting, [old, new], second) is new
    assert one_of(used(), [old, new], second) is old
    assert one_of(again, [old, new], second) is None


def test_what_has_failed_costs_nothing_any_more():
    there = used()
    for now, spent in ((None, 0.0), (3 * HOUR_S, 2.0)):
        failed = there.failed(Failure("it", "it does not work"), now)
        assert failed.node.machine.rental == Rental(spent_usd=spent)
        assert failed.node.machine.rental.is_over


def test_further_nodes_have_names_that_none_had_before():
    assert next_names("gpu", 2, []) == ["gpu-1", "gpu-2"]
    taken = ["gpu-1", "gpu-7", "cpu-9", "gpu-x-12", "gpu-"]
    assert next_names("gpu", 2, taken) == ["gpu-8", "gpu-9"]
