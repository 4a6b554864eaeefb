"""Moto in this process, with its false friends replaced, and its instances tied to machines."""

import copy
from datetime import UTC, datetime
from unittest.mock import patch

from awscloudinit import parse
from awsmachines import as_bytes
from awstables import IMAGES, fake_spot_price, image_id, quota_code


class Moto:
    """Moto's app; `lab` hears of instances that begin and end."""

    def __init__(self, lab):
        from moto import settings
        from moto.ec2.models import amis, instances, security_groups
        from moto.ec2.responses import spot_instances
        from moto.ec2.utils import filter_dict_attribute_mapping
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.app = DomainDispatcherApplication(create_backend_app)
        run = _running(lab, instances.InstanceBackend.run_instances)
        terminate = _terminating(lab, instances.Instance.terminate)
        groups = security_groups.SecurityGroupBackend
        delete = _deleting(groups._delete_security_group)
        self._patches = [
            patch.object(settings, "ENABLE_AMI_VALIDATION", new=True),
            patch.dict(filter_dict_attribute_mapping, {"client-token": "client_token"}),
            patch.object(amis.AmiBackend, "_load_amis", _load_images),
            patch.object(instances.InstanceBackend, "run_instances", run),
            patch.object(instances.Instance, "terminate", terminate),
            patch.object(groups, "_delete_security_group", delete),
            *(
                patch.object(groups, name, _changing(lab, getattr(groups, name)))
                for name in (
                    "authorize_security_group_ingress",
                    "revoke_security_group_ingress",
                    "modify_security_group_rules",
                )
            ),
            patch.object(spot_instances.SpotInstances, "describe_spot_price_history", _spot_prices),
        ]
        for one in self._patches:
            one.start()
        self.reset()

    def reset(self):
        """Forget every resource; what is always there is made anew."""
        from moto.ec2.models import ec2_backends

        for _, _, backend in ec2_backends.iter_backends():
            backend.reset()

    def zone_of(self, region, subnet_id):
        """Return the zone of a subnet, nothing if there is no such subnet."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.ec2.models import ec2_backends

        zones = ec2_backends[DEFAULT_ACCOUNT_ID][region].subnets
        return next((zone for zone, subnets in zones.items() if subnet_id in subnets), "")

    def close(self):
        self.reset()
        for one in reversed(self._patches):
            one.stop()


def _error(code, message):
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError(code, message)


def _load_images(backend):
    from moto.ec2.models.amis import Ami

    for parameter, (name, architecture, _, device) in IMAGES.items():
        id_ = image_id(parameter, backend.region_name)
        backend.amis[id_] = Ami(
            backend,
            id_,
            name=name,
            owner_alias="amazon",
            public=True,
            virtualization_type="hvm",
            architecture=architecture,
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=device,
            region_name=f"{backend.region_name}a",
        )


def _running(lab, original):
    """Return RunInstances as it should be: it refuses what Amazon refuses, and machines boot."""

    def run_instances(backend, image_id, count, user_data, security_group_names, **kwargs):
        image = _check(backend, image_id, user_data, kwargs)
        _check_quota(lab, backend, count, kwargs)
        names = security_group_names
        reservation = original(backend, image_id, count, user_data, names, **kwargs)
        users = {name: user for name, _, user, _ in IMAGES.values()}
        key_name = kwargs.get("key_name")
        key = backend.key_pairs[key_name].public_key if key_name else ""
        for instance in reservation.instances:
            instance.security_groups = list(instance.nics[0].group_set)  # also one by default
            if instance.lifecycle == "spot":
                instance.spot_instance_request_id = f"sir-{instance.id[2:10]}"
            lab.launch(instance, users[image.name], key)
        return reservation

    return run_instances


def _check(backend, image_id, user_data, kwargs):
    """Refuse what cannot be; return the image."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    instance_type, key_name = kwargs["instance_type"], kwargs.get("key_name")
    facts = INSTANCE_TYPES.get(instance_type)
    if facts is None:
        raise _error("InvalidInstanceType", f"Invalid value {instance_type!r} for InstanceType")
    image = backend.describe_images(ami_ids=[image_id])[0]
    known = facts["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in known:
        raise _error(
            "InvalidParameterValue",
            f"The architecture {known[0]!r} of the specified instance type does not match the "
            f"architecture {image.architecture!r} of the specified AMI.",
        )
    if key_name and key_name not in backend.key_pairs:
        raise _error("InvalidKeyPair.NotFound", f"The key pair {key_name!r} does not exist")
    try:
        parse(as_bytes(user_data))
    except ValueError as error:
        raise _error("InvalidParameterValue", str(error)) from None
    return image


def _check_quota(lab, backend, count, kwargs):
    """Refuse more vCPUs than the account may have."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    def vcpus(instance_type):
        return INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"]

    spot = bool(kwargs.get("instance_market_options"))
    code = quota_code(kwargs["instance_type"], spot=spot)
    in_use = sum(
        vcpus(one.instance_type)
        for one in backend.all_instances()
        if one.state in ("pending", "running")
        and quota_code(one.instance_type, spot=one.lifecycle == "spot") == code
    )
    if code and in_use + count * vcpus(kwargs["instance_type"]) > lab.quotas[code]:
        if spot:
            raise _error("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        raise _error(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of "
            f"{lab.quotas[code]:.0f} allows for the instance bucket that the specified instance "
            "type belongs to.",
        )


def _terminating(lab, original):
    def terminate(instance):
        if instance.state in ("shutting-down", "terminated"):
            return copy.copy(instance._state)
        before = original(instance)
        lab.terminate(instance)
        return before

    return terminate


def _changing(lab, original):
    def change(backend, *arguments, **options):
        result = original(backend, *arguments, **options)
        lab.enforce_groups()
        return result

    return change


def _deleting(original):
    def delete_security_group(backend, vpc_id, group_id):
        users = [
            instance.id
            for instance in backend.all_instances()
            if instance.state != "terminated"
            and group_id in [group.id for group in instance.nics[0].group_set]
        ]
        if users:
            message = f"resource {group_id} has a dependent object"
            raise _error("DependencyViolation", message)
        return original(backend, vpc_id, group_id)

    return delete_security_group


def _spot_prices(response):
    """Answer DescribeSpotPriceHistory with the fake prices, of now."""
    from moto.core.responses import ActionResult

    filters = response._filters_from_querystring()
    types = response._get_param("InstanceTypes", []) or filters.pop("instance-type", [])
    zone = response._get_param("AvailabilityZone")
    if zone:
        filters["availability-zone"] = [zone]
    found = response.ec2_backend.describe_spot_price_history(types, filters)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    history = [
        {
            "InstanceType": one["InstanceType"],
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": str(price),
            "AvailabilityZone": one["Location"],
            "Timestamp": now,
        }
        for one in found
        if (price := fake_spot_price(one["InstanceType"], one["Location"]))
    ]
    return ActionResult({"SpotPriceHistory": history})
