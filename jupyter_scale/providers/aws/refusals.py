"""What AWS's refusals mean, and what to do about them. Pure: a code and a message in, an error out.

Codes are those of the EC2 API reference, "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jupyter_scale.errors import AwsError, NoCapacity, NoCredentials, QuotaReached

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_INVALID = {
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_DENIED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}
_CAPACITY = {
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientCapacity",
    "SpotMaxPriceTooLow",
    "Unsupported",
}
_THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests"}
_AMI = {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed"}
_GONE = ("NotFound", "NotFoundException", "ParameterNotFound")
_EC2_QUOTAS = "/services/ec2/quotas"
_CONFIGURE = "`aws configure` stores a key; for SSO: `aws configure sso`, then `aws sso login`."
#: Code of quota → what it is called, and its code in Service Quotas, by the family of types.
_ON_DEMAND = {
    "standard": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", "L-1216C47A"),
    "g": ("Running On-Demand G and VT instances", "L-DB2E81BA"),
    "p": ("Running On-Demand P instances", "L-417A185B"),
    "inf": ("Running On-Demand Inf instances", "L-1945791B"),
    "trn": ("Running On-Demand Trn instances", "L-2C3B7624"),
    "f": ("Running On-Demand F instances", "L-74FC7D96"),
    "x": ("Running On-Demand X instances", "L-7295265B"),
    "dl": ("Running On-Demand DL instances", "L-6E869C2A"),
}
_SPOT = {
    "standard": (
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        "L-34B43A08",
    ),
    "g": ("All G and VT Spot Instance Requests", "L-3819A6DF"),
    "p": ("All P4, P3 and P2 Spot Instance Requests", "L-7212CCBC"),
    "inf": ("All Inf Spot Instance Requests", "L-B5D1601B"),
    "trn": ("All Trn Spot Instance Requests", "L-6B0D517C"),
    "f": ("All F Spot Instance Requests", "L-88CF9481"),
    "x": ("All X Spot Instance Requests", "L-E3A00192"),
    "dl": ("All DL Spot Instance Requests", "L-85EED4F7"),
}


@dataclass(frozen=True)
class Asked:
    """What was asked for when AWS refused.

    Parameters
    ----------
    action : str
        The API's name of it, for instance ``"RunInstances"``.
    region, aws_profile : str
        Where, and as whom; no profile is the default one.
    what : str
        What it was asked for, for people.
    kind : str
        The type of instances, where one was asked for.
    is_spot : bool
        Whether spot instances were.
    """

    action: str
    region: str
    aws_profile: str = ""
    what: str = ""
    kind: str = ""
    is_spot: bool = False


def explain(asked: Asked, code: str, message: str) -> AwsError:
    """Return a refusal as the error that its user meets."""
    what = asked.what or f"{asked.action} in {asked.region}"
    message = message.strip().rstrip(".")
    if is_quota(code):
        return _quota(asked, what, code, message)
    kind, why, advice = AwsError, f"{message} ({code})", ""
    if code in _EXPIRED:
        kind, why, advice = NoCredentials, "the AWS credentials have expired", _renew(asked)
    elif code in _SKEWED or (code == "AuthFailure" and "clock" in message):
        why = f"this machine's clock is wrong ({message})"
        advice = "Set it, for instance with `timedatectl set-ntp true`."
    elif code in _INVALID:
        kind, advice = NoCredentials, _renew(asked)
        why = f"AWS does not take the credentials ({code})"
    elif code in _DENIED:
        why, advice = _denied(asked, message), _POLICY
    elif code in _CAPACITY:
        kind, why = NoCapacity, message
    elif code in _THROTTLED:
        why = "AWS was asked too often, and went on saying so"
        advice = "Other programs of the account ask for too much at once: try again in a minute."
    elif code in _AMI:
        why = f"there is no such image ({message})"
        advice = "Images belong to one region: name another in the profile (ami), or none."
    elif code in {"VPCIdNotSpecified", "MissingInput"}:
        why = "the account has no default network there"
        advice = "Name a subnet in the profile (subnet_id), or `aws ec2 create-default-vpc`."
    return kind(what, why, advice, code)


def is_gone(error: AwsError) -> bool:
    """Tell whether AWS says that there is no such thing."""
    return error.code.endswith(_GONE)


def is_quota(code: str) -> bool:
    """Tell whether a code says that the account may not have so much."""
    if code in _THROTTLED:
        return False
    named = {"MaxSpotInstanceCountExceeded", "PendingVerification"}
    return code in named or code.endswith(("LimitExceeded", "QuotaExceeded"))


def quota_of(kind: str, *, is_spot: bool) -> tuple[str, str]:
    """Return name and code of the quota that a type of instances counts against."""
    match = re.match(r"(inf|trn|dl|vt|[a-z])", kind)
    family = match[1] if match else "standard"
    family = {"vt": "g"}.get(family, family)
    table = _SPOT if is_spot else _ON_DEMAND
    return table.get(family, table["standard"])


def _quota(asked: Asked, what: str, code: str, message: str) -> AwsError:
    if code == "PendingVerification":
        return QuotaReached(what, message, "AWS verifies new accounts, up to four hours.", code)
    if not asked.kind:
        return QuotaReached(
            what,
            f"{message} ({code})",
            f"Remove what is not needed, or raise it: {quota_page(asked.region)}",
            code,
        )
    name, number = quota_of(asked.kind, is_spot=asked.is_spot)
    return QuotaReached(
        what,
        f"the quota '{name}' of {asked.region} is reached ({message})",
        f"It counts vCPUs. Take fewer or smaller instances, or raise it:"
        f" {quota_page(asked.region, number)}",
        code,
    )


def quota_page(region: str, quota: str = "") -> str:
    """Return the address at which a quota is raised; without a code, of all quotas of EC2."""
    end = f"/{quota}" if quota else ""
    return f"https://{region}.console.aws.amazon.com/servicequotas/home{_EC2_QUOTAS}{end}"


def _denied(asked: Asked, message: str) -> str:
    who = f"the profile '{asked.aws_profile}'" if asked.aws_profile else "these credentials"
    shown = re.sub(r"\s*Encoded authorization failure message:.*", "", message, flags=re.DOTALL)
    return f"{who} may not do that ({shown.strip().rstrip('.')})"


_POLICY = "The policy that suffices is docs/iam-policy.json of jupyter-scale."


def _renew(asked: Asked) -> str:
    if asked.aws_profile:
        return (
            f"`aws sso login --profile {asked.aws_profile}` renews those of SSO,"
            f" `aws configure --profile {asked.aws_profile}` stores others."
        )
    return f"`aws sso login` renews those of SSO; {_CONFIGURE[0].lower()}{_CONFIGURE[1:]}"


def no_credentials(asked: Asked, why: str) -> NoCredentials:
    """Return the error for when there are none, or none can be had."""
    advice = _renew(asked) if asked.aws_profile else _CONFIGURE
    return NoCredentials(asked.what or f"{asked.action} in {asked.region}", why, advice)
