"""Moto in this process, with its false friends replaced, and its instances tied to machines."""

import copy
from datetime import UTC, datetime
from unittest.mock import patch

from awscloudinit import parse
from awsmachines import as_bytes
from awstables import IMAGES, fake_spot_price, image_id


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
        delete = _deleting(security_groups.SecurityGroupBackend._delete_security_group)
        self._patches = [
            patch.object(settings, "ENABLE_AMI_VALIDATION", new=True),
            patch.dict(filter_dict_attribute_mapping, {"client-token": "client_token"}),
            patch.object(amis.AmiBackend, "_load_amis", _load_images),
            patch.object(instances.InstanceBackend, "run_instances", run),
            patch.object(instances.Instance, "terminate", terminate),
            patch.object(security_groups.SecurityGroupBackend, "_delete_security_group", delete),
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

    from moto.ec2.models.instance_types import INSTANCE_TYPES

    def run_instances(backend, image_id, count, user_data, security_group_names, **kwargs):
        instance_type = kwargs["instance_type"]
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
        key_name = kwargs.get("key_name")
        if key_name and key_name not in backend.key_pairs:
            raise _error("InvalidKeyPair.NotFound", f"The key pair {key_name!r} does not exist")
        try:
            parse(as_bytes(user_data))
        except ValueError as error:
            raise _error("InvalidParameterValue", str(error)) from None
        reservation = original(backend, image_id, count, user_data, security_group_names, **kwargs)
        user = next(u for name, _, u, _ in IMAGES.values() if name == image.name)
        key = backend.key_pairs[key_name].public_key if key_name else ""
        for instance in reservation.instances:
            if instance.lifecycle == "spot":
                instance.spot_instance_request_id = f"sir-{instance.id[2:10]}"
            lab.launch(instance, user, key)
        return reservation

    return run_instances


def _terminating(lab, original):
    def terminate(instance):
        if instance.state in ("shutting-down", "terminated"):
            return copy.copy(instance._state)
        before = original(instance)
        lab.terminate(instance)
        return before

    return terminate


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
