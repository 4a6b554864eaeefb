"""Fixed facts, all fake, for what moto does not know: images, prices, quotas, spot prices.

The numbers are plausible, no more: never show one as Amazon's.
"""

import hashlib
import json
import re

from awscalls import as_json, failure

#: On-demand prices of Linux in us-east-1, USD per hour.
FAKE_USD_PER_H = {
    "t3.micro": 0.0104,
    "t3.small": 0.0208,
    "t3.medium": 0.0416,
    "t3.large": 0.0832,
    "t4g.medium": 0.0336,
    "m5.large": 0.096,
    "m5.xlarge": 0.192,
    "c5.large": 0.085,
    "c5.xlarge": 0.17,
    "c7i.xlarge": 0.1785,
    "r5.large": 0.126,
    "g4dn.xlarge": 0.526,
    "g5.xlarge": 1.006,
    "g5.2xlarge": 1.212,
    "g6.xlarge": 0.8048,
    "p4d.24xlarge": 32.7726,
}
FAKE_GP3_USD_PER_GB_MONTH = 0.08
FAKE_IPV4_USD_PER_H = 0.005
_DEARER = {"us-east-1": 1.0, "us-west-2": 1.0, "eu-west-1": 1.08, "eu-central-1": 1.15}
_SPOT_SHARE = {"a": 0.32, "b": 0.3, "c": 0.35, "d": 0.4, "e": 0.45, "f": 0.5}

#: Images: SSM parameter → name, architecture, the user whom they let in, device of the root.
IMAGES = {
    f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-{kernel}-{arch}": (
        f"al2023-ami-2023.9-kernel-{kernel}-{arch}", arch, "ec2-user", "/dev/xvda"
    )
    for kernel in ("default", "6.1", "6.12")
    for arch in ("x86_64", "arm64")
} | {
    f"/aws/service/canonical/ubuntu/server/{release}/stable/current/{arch}/hvm/ebs-{disk}/ami-id": (
        f"ubuntu/images/hvm-ssd-{disk}/ubuntu-{release}-{arch}-server",
        {"amd64": "x86_64"}.get(arch, arch), "ubuntu", "/dev/sda1",
    )
    for release, disk in (("22.04", "gp2"), ("24.04", "gp3"))
    for arch in ("amd64", "arm64")
} | {
    f"/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-{system}/latest/ami-id": (
        f"Deep Learning Base OSS Nvidia Driver GPU AMI ({system}) {arch}", arch, user, device
    )
    for system, user, device in (
        ("al2023", "ec2-user", "/dev/xvda"),
        ("ubuntu-22.04", "ubuntu", "/dev/sda1"),
        ("ubuntu-24.04", "ubuntu", "/dev/sda1"),
    )
    for arch in ("x86_64", "arm64")
}  # fmt: skip

#: Quotas of vCPUs: code → name, value.
QUOTAS = {
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 32.0),
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 8.0),
    "L-417A185B": ("Running On-Demand P instances", 8.0),
    "L-34B43A08": ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 32.0),
    "L-3819A6DF": ("All G and VT Spot Instance Requests", 8.0),
    "L-7212CCBC": ("All P Spot Instance Requests", 0.0),
}


_STANDARD, _G, _P = (
    ("L-1216C47A", "L-34B43A08"),
    ("L-DB2E81BA", "L-3819A6DF"),
    ("L-417A185B", "L-7212CCBC"),
)


def quota_code(instance_type, *, spot):
    """Return the code of the quota that a type counts for, empty for kinds without one here."""
    family = re.match("[a-z]+", instance_type).group()
    if family in ("g", "gr", "vt"):
        return _G[spot]
    if family == "p":
        return _P[spot]
    return _STANDARD[spot] if family[0] in "acdhimrtz" and family not in ("inf", "trn") else ""


def image_id(parameter, region):
    """Return the id that an image has in a region."""
    return f"ami-{hashlib.sha256(f'{region}{parameter}'.encode()).hexdigest()[:17]}"


def fake_price(instance_type, region="us-east-1"):
    """Return USD per hour, None for a type without a price."""
    price = FAKE_USD_PER_H.get(instance_type)
    return price and round(price * _DEARER.get(region, 1.1), 4)


def fake_spot_price(instance_type, zone):
    price = fake_price(instance_type, zone[:-1])
    return price and round(price * _SPOT_SHARE.get(zone[-1], 0.5), 4)


class Tables:
    """Answers calls from the tables; None where moto is to answer. `quotas` may be changed."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.quotas = {code: value for code, (_, value) in QUOTAS.items()}

    def __call__(self, call):
        answer = {
            "ssm:GetParameter": self._parameter,
            "ssm:GetParameters": self._parameters,
            "pricing:GetProducts": _products,
            "servicequotas:GetServiceQuota": self._quota,
            "servicequotas:ListServiceQuotas": self._all_quotas,
        }.get(call.name)
        return answer and answer(call)

    def _parameter(self, call):
        name = call.parameters["Name"]
        if name not in IMAGES:
            return failure(call, "ParameterNotFound", " ")
        return as_json({"Parameter": _as_parameter(name, call.region)})

    def _parameters(self, call):
        names = call.parameters["Names"]
        found = [_as_parameter(name, call.region) for name in names if name in IMAGES]
        missing = [name for name in names if name not in IMAGES]
        return as_json({"Parameters": found, "InvalidParameters": missing})

    def _quota(self, call):
        code = call.parameters["QuotaCode"]
        if call.parameters["ServiceCode"] != "ec2" or code not in QUOTAS:
            return failure(call, "NoSuchResourceException")
        return as_json({"Quota": self._as_quota(code)})

    def _all_quotas(self, call):
        if call.parameters["ServiceCode"] != "ec2":
            return failure(call, "NoSuchResourceException")
        return _page(call, "Quotas", [self._as_quota(code) for code in QUOTAS])

    def _as_quota(self, code):
        return {
            "ServiceCode": "ec2",
            "QuotaCode": code,
            "QuotaName": QUOTAS[code][0],
            "Value": self.quotas[code],
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


def _as_parameter(name, region):
    return {
        "Name": name,
        "Type": "String",
        "Value": image_id(name, region),
        "Version": 1,
        "DataType": "aws:ec2:image",
        "ARN": f"arn:aws:ssm:{region}::parameter{name}",
    }


def _page(call, key, items):
    """Answer with a page of items, and a token if there are more."""
    start = int(call.parameters.get("NextToken", 0))
    end = start + int(call.parameters.get("MaxResults", 100))
    more = {"NextToken": str(end)} if end < len(items) else {}
    return as_json({key: items[start:end], **more})


def _products(call):
    if call.parameters["ServiceCode"] != "AmazonEC2":
        return failure(call, "InvalidParameterException")
    wanted = {f["Field"]: f["Value"] for f in call.parameters.get("Filters", [])}
    items = [
        json.dumps(_as_product(attributes, unit, usd))
        for attributes, unit, usd in _catalogue()
        if all(attributes.get(field) == value for field, value in wanted.items())
    ]
    return _page(call, "PriceList", items)


def _catalogue():
    """Give attributes, unit and USD of each product; many differ in one attribute only."""
    for region in _DEARER:
        where = {"regionCode": region, "locationType": "AWS Region", "servicecode": "AmazonEC2"}
        for instance_type in FAKE_USD_PER_H:
            linux = fake_price(instance_type, region)
            for system, factor in (("Linux", 1.0), ("Windows", 1.9)):
                for status in ("Used", "AllocatedCapacityReservation"):
                    for tenancy in ("Shared", "Dedicated"):
                        yield {
                            **where,
                            "productFamily": "Compute Instance",
                            "instanceType": instance_type,
                            "operatingSystem": system,
                            "capacitystatus": status,
                            "tenancy": tenancy,
                            "preInstalledSw": "NA",
                            "licenseModel": "No License required",
                            "marketoption": "OnDemand",
                        }, "Hrs", linux * factor  # fmt: skip
        disk = {"productFamily": "Storage", "volumeApiName": "gp3"}
        yield {**where, **disk}, "GB-Mo", FAKE_GP3_USD_PER_GB_MONTH


def _as_product(attributes, unit, usd):
    sku = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()[:16].upper()
    price = {"unit": unit, "pricePerUnit": {"USD": f"{usd:.10f}"}, "beginRange": "0"}
    term = {"sku": sku, "priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": price}}
    family = re.sub(r"\s+", " ", attributes["productFamily"])
    return {
        "product": {"sku": sku, "productFamily": family, "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
        "publicationDate": "2026-11-20T19:14:05Z",
    }
