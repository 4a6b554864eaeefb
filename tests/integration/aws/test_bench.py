"""What the bench's API promises: it refuses what Amazon refuses, and fails when it is told to."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from awsclient import AL2023, UBUNTU, image_of, launch, refusal, run, user_data
from awscloudinit import HEADER
from awstables import FAKE_USD_PER_H, fake_spot_price

# ---------------------------------------------------------------- the API


def test_a_token_is_one_launch(aws, ec2, image):
    first = run(ec2, image, ClientToken="a", MaxCount=2)
    again = run(ec2, image, ClientToken="a", MaxCount=2)
    assert [one["InstanceId"] for one in first] == [one["InstanceId"] for one in again]
    assert len(aws.instances) == 2
    code = refusal(run, ec2, image, ClientToken="a", InstanceType="t3.small", MaxCount=2)
    assert code == "IdempotentParameterMismatch"
    assert run(ec2, image, ClientToken="b")[0]["InstanceId"] not in [
        one["InstanceId"] for one in first
    ]
    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["a"]}])
    assert len(found["Reservations"]) == 1


def test_a_lost_answer_is_no_second_launch(aws, image):
    aws.fail("RunInstances", "ServiceUnavailable", after=True)
    run(aws.client(attempts=3), image, ClientToken="a")
    assert aws.count("RunInstances") == 2
    assert len(aws.instances) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "t3.monster"}, "InvalidInstanceType"),
        ({"InstanceType": "t4g.medium"}, "InvalidParameterValue"),  # another architecture
        ({"KeyName": "nobody's"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"UserData": HEADER + json.dumps({"runcmd": ["x" * 20000]})}, "InvalidParameterValue"),
        ({"UserData": "echo hello"}, "InvalidParameterValue"),
        ({"UserData": user_data(run_cmd=["true"])}, "InvalidParameterValue"),
        ({"InstanceType": "g5.xlarge", "MaxCount": 3}, "VcpuLimitExceeded"),
        (
            {"InstanceType": "p4d.24xlarge", "InstanceMarketOptions": {"MarketType": "spot"}},
            "MaxSpotInstanceCountExceeded",
        ),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_refused_launches(aws, ec2, image, options, code):
    assert refusal(run, ec2, image, **options) == code
    assert aws.instances == []


def test_quotas_count_what_lives(aws, ec2, image):
    aws.quotas["L-1216C47A"] = 2.0  # vCPUs: one t3.micro
    one = run(ec2, image)[0]["InstanceId"]
    assert refusal(run, ec2, image) == "VcpuLimitExceeded"
    ec2.terminate_instances(InstanceIds=[one])
    assert len(run(ec2, image)) == 1


def test_a_group_in_use_stays(aws, ec2, image):
    [instance] = launch(aws, image)
    group = ec2.describe_security_groups(GroupNames=["tests"])["SecurityGroups"][0]["GroupId"]
    assert refusal(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[instance.id])
    instance.wait_until("terminated")
    ec2.delete_security_group(GroupId=group)


def test_calls_are_written_down(aws, image):
    aws.client(region="eu-west-1", access_key="AKIAOTHER").describe_instances()
    call = aws.calls[-1]
    assert (call.name, call.region) == ("ec2:DescribeInstances", "eu-west-1")
    assert call.access_key == "AKIAOTHER"
    assert aws.calls[0].name == "ssm:GetParameter"
    assert aws.calls[0].parameters["Name"] == AL2023
    aws.reset()
    assert aws.calls == []


def test_regions_are_apart(aws, ec2, image):
    run(ec2, image)
    assert aws.client(region="eu-west-1").describe_instances()["Reservations"] == []
    assert refusal(run, aws.client(region="eu-west-1"), image) == "InvalidAMIID.NotFound"


def test_credentials(aws):
    aws.accept_only("AKIALAB")
    assert refusal(aws.client(access_key="AKIANO").describe_regions) == "AuthFailure"
    sts, ssm = aws.client("sts"), aws.client("ssm")
    assert sts.get_caller_identity()["Account"]
    aws.expire()
    assert refusal(sts.get_caller_identity) == "ExpiredToken"
    assert refusal(ssm.get_parameter, Name=AL2023) == "ExpiredTokenException"
    assert refusal(aws.client().describe_regions) == "RequestExpired"


# ---------------------------------------------------------------- disturbances


def test_faults_are_counted_out(aws, ec2):
    aws.fail("DescribeRegions", "InternalError", "one of those days", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match="one of those days"):
            ec2.describe_regions()
    assert ec2.describe_regions()["Regions"]
    aws.throttle("DescribeRegions", times=2)
    assert aws.client(attempts=3).describe_regions()["Regions"]
    assert aws.count("DescribeRegions") == 6


def test_faults_of_one_kind_of_call(aws, ec2, image):
    full = {"times": None, "zone": "us-east-1a"}
    aws.fail("RunInstances", "InsufficientInstanceCapacity", **full)
    aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None, spot=True)
    in_a = {"Placement": {"AvailabilityZone": "us-east-1a"}}
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    subnets = ec2.describe_subnets(
        Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}]
    )
    subnet = {"SubnetId": subnets["Subnets"][0]["SubnetId"]}
    for options in (in_a, spot, subnet):
        assert refusal(run, ec2, image, **options) == "InsufficientInstanceCapacity"
    assert run(ec2, image)[0]["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_denied_actions(aws, ec2, image):
    aws.deny("RunInstances")
    assert refusal(run, ec2, image) == "UnauthorizedOperation"
    aws.deny("ssm:GetParameter")
    assert refusal(image_of, aws, AL2023) == "AccessDeniedException"
    assert ec2.describe_regions()["Regions"]


def test_calls_that_take_time(aws, ec2):
    aws.delay("DescribeRegions", 0.3)
    began = time.monotonic()
    ec2.describe_regions()
    assert time.monotonic() - began >= 0.3


def test_moments_before_and_after_calls(aws, ec2, image):
    seen = []
    aws.before("RunInstances", lambda: seen.append(len(aws.instances)), n=2)
    aws.after("RunInstances", lambda: seen.append(len(aws.instances)), n=2)
    for _ in range(3):
        run(ec2, image)
    assert seen == [1, 2]


# ---------------------------------------------------------------- tables


def test_prices(aws):
    pricing = aws.client("pricing")
    filters = {
        "instanceType": "g5.xlarge",
        "regionCode": "us-east-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "preInstalledSw": "NA",
    }
    wanted = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in filters.items()]
    [found] = pricing.get_products(ServiceCode="AmazonEC2", Filters=wanted)["PriceList"]
    [term] = json.loads(found)["terms"]["OnDemand"].values()
    [dimension] = term["priceDimensions"].values()
    assert float(dimension["pricePerUnit"]["USD"]) == FAKE_USD_PER_H["g5.xlarge"]
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2", Filters=wanted[:2], PaginationConfig={"PageSize": 3}
    )
    assert sum(len(page["PriceList"]) for page in pages) == 8


def test_spot_prices(aws, ec2):
    history = ec2.describe_spot_price_history(
        InstanceTypes=["g5.xlarge"], ProductDescriptions=["Linux/UNIX"]
    )["SpotPriceHistory"]
    prices = {one["AvailabilityZone"]: float(one["SpotPrice"]) for one in history}
    assert prices["us-east-1a"] == fake_spot_price("g5.xlarge", "us-east-1a")
    assert len(set(prices.values())) > 1


def test_quotas(aws):
    quotas = aws.client("service-quotas")
    aws.quotas["L-DB2E81BA"] = 4.0
    found = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]
    assert (found["Value"], found["Adjustable"]) == (4.0, True)
    assert len(quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]) == 6
    unknown = refusal(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0")
    assert unknown == "NoSuchResourceException"


@pytest.mark.parametrize(
    "name",
    [
        AL2023,
        UBUNTU,
        "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-al2023/latest/ami-id",
    ],
)
def test_images(aws, ec2, name):
    [found] = ec2.describe_images(ImageIds=[image_of(aws, name)])["Images"]
    assert found["Architecture"] == "x86_64"
    assert refusal(image_of, aws, f"{name}-not") == "ParameterNotFound"
