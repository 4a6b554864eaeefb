"""What stands before moto's server: it writes calls down, fails some, delays some, repeats some."""

import io
import json
import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

_STATUS = {
    "AccessDeniedException": 400,
    "AuthFailure": 401,
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Throttling": 400,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}
#: What moto would answer, and no machine would follow.
_NOT_HERE = {
    "CreateFleet",
    "RebootInstances",
    "RequestSpotFleet",
    "RequestSpotInstances",
    "StartInstances",
    "StopInstances",
}
#: What each service calls a call with credentials that are no longer good.
_EXPIRED = {"ec2": "RequestExpired", "sts": "ExpiredToken"}
_DENIED = {"ec2": "UnauthorizedOperation", "sts": "AccessDenied"}
_SKEWED = {"ec2": "RequestExpired"}
_MOST_SKEW_S = 300
_UNKNOWN = {"ec2": "AuthFailure", "sts": "InvalidClientTokenId"}


@dataclass(frozen=True)
class Call:
    """One request: `service` and `action` as an IAM policy names them, parameters as sent."""

    service: str
    action: str
    region: str
    access_key: str
    parameters: dict = field(hash=False)
    subnet_zone: str = ""

    @property
    def name(self):
        return f"{self.service}:{self.action}"

    @property
    def instance_type(self):
        return self.parameters.get("InstanceType")

    @property
    def zone(self):
        """The zone that it asks for, by name or by a subnet; empty when any will do."""
        return self.parameters.get("Placement.AvailabilityZone") or self.subnet_zone

    @property
    def spot(self):
        return self.parameters.get("InstanceMarketOptions.MarketType") == "spot"


def read_call(environ, body):
    """Return the call that a request is, None for what is not signed."""
    _, _, credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")
    scope = credential.partition(",")[0].split("/")
    if len(scope) != 5:
        return None
    access_key, _, region, service, _ = scope
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Call(service, target.rpartition(".")[2], region, access_key, json.loads(body))
    parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return Call(service, parameters.pop("Action", ""), region, access_key, parameters)


@dataclass(frozen=True)
class Answer:
    """What a call gets: an HTTP status, headers, a body."""

    status: int
    headers: list
    body: bytes


def failure(call, code, message=""):
    """Return an error as the call's service words it."""
    message = message or f"the bench says so: {code}"
    status = _STATUS.get(code, 400)
    request = secrets.token_hex(8)
    if call.service in ("ec2", "sts"):
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        if call.service == "ec2":
            text = f"<Response><Errors>{error}</Errors><RequestID>{request}</RequestID></Response>"
        else:
            text = f"<ErrorResponse>{error}<RequestId>{request}</RequestId></ErrorResponse>"
        return Answer(status, [("Content-Type", "text/xml")], text.encode())
    return as_json({"__type": code, "message": message}, status)


def as_json(content, status=200):
    headers = [("Content-Type", "application/x-amz-json-1.1")]
    return Answer(status, headers, json.dumps(content).encode())


@dataclass
class Fault:
    """An error for those calls of an action that are `where` says, so many times."""

    action: str
    code: str
    message: str
    times: int | None
    where: dict
    after: bool

    def takes(self, call):
        """Tell whether a call meets it, and count that."""
        if self.times == 0 or self.action not in (call.action, call.name, "*"):
            return False
        if any(getattr(call, name) != value for name, value in self.where.items()):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Point:
    """A moment in a test's life: before or after the n-th call of an action."""

    action: str
    n: int
    when: str
    callback: object
    seen: int = 0


class Front:
    """A WSGI app before moto's: the bench's tables answer what moto does not know.

    `tables` and `moto` are asked in that order; the first gives None for what is not its own.
    """

    def __init__(self, tables, moto, network):
        self._tables, self._moto, self._network = tables, moto, network
        self._lock = threading.RLock()
        self.reset()

    def reset(self):
        with self._lock:
            self.calls = []
            self.faults = []
            self.points = []
            self.delays = {}
            self.expired = set()
            self.known = None
            self.ahead_s = 0.0
            self._launches = {}

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        call = read_call(environ, body)
        if call is None:
            text = f"{self._network.client_address}\n".encode()  # as checkip does
            answer = Answer(200, [("Content-Type", "text/plain")], text)
        else:
            call = replace(call, subnet_zone=self._zone_of(call))
            answer = self._answer(call, environ, body)
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", answer.headers)
        return [answer.body]

    def _answer(self, call, environ, body):
        with self._lock:
            self.calls.append(call)
            before = [p for p in self.points if p.action == call.action and p.when == "before"]
            after = [p for p in self.points if p.action == call.action and p.when == "after"]
        self._pass(before)
        time.sleep(self.delays.get(call.action, 0) + self.delays.get("*", 0))
        answer = self._refusal(call, environ)
        if answer is None:
            answer = self._perform(call, environ, body)
            with self._lock:
                lost = next((f for f in self.faults if f.after and f.takes(call)), None)
            if lost:
                answer = failure(call, lost.code, lost.message)
        self._pass(after)
        return answer

    def _zone_of(self, call):
        asked = call.parameters
        subnet = asked.get("SubnetId") or asked.get("NetworkInterface.1.SubnetId")
        return self._moto.zone_of(call.region, subnet) if subnet else ""

    def _pass(self, points):
        for point in points:
            with self._lock:
                point.seen += 1
                reached = point.seen == point.n
            if reached:
                point.callback()

    @property
    def now(self):
        """The Unix time by Amazon's clock."""
        return time.time() + self.ahead_s

    def _refusal(self, call, environ):
        signed = datetime.strptime(environ["HTTP_X_AMZ_DATE"], "%Y%m%dT%H%M%S%z")
        if abs(signed.timestamp() - self.now) > _MOST_SKEW_S:
            return failure(call, _SKEWED.get(call.service, "InvalidSignatureException"))
        if call.access_key in self.expired:
            return failure(call, _EXPIRED.get(call.service, "ExpiredTokenException"))
        if self.known is not None and call.access_key not in self.known:
            return failure(call, _UNKNOWN.get(call.service, "UnrecognizedClientException"))
        with self._lock:
            fault = next((f for f in self.faults if not f.after and f.takes(call)), None)
        if fault is None:
            return None
        code = fault.code
        if code == "denied":
            code = _DENIED.get(call.service, "AccessDeniedException")
        return failure(call, code, fault.message)

    def _perform(self, call, environ, body):
        if call.action in _NOT_HERE:
            return failure(call, "UnsupportedOperation", f"the bench has no {call.action}")
        if call.action == "RunInstances":
            with self._lock:
                return self._launch(call, environ)
        return self._tables(call) or self._ask(environ, body)

    def _launch(self, call, environ):
        """Run instances: the same token is the same launch, and as many as there may be."""
        parameters = {k: v for k, v in call.parameters.items() if k != "DryRun"}
        key = (call.region, call.parameters.get("ClientToken"))
        if key in self._launches and "DryRun" not in call.parameters:
            first, answer = self._launches[key]
            if first == parameters:
                return answer
            return failure(call, "IdempotentParameterMismatch")
        wished = {"Action": call.action, **call.parameters}
        wished["MinCount"] = wished["MaxCount"]  # moto starts as many as the least
        if not call.zone:  # moto takes the first zone; Amazon takes one where there is room
            full = {fault.where.get("zone") for fault in self.faults if fault.times != 0}
            zones = (f"{call.region}{letter}" for letter in "abcdef")
            wished["Placement.AvailabilityZone"] = next(z for z in zones if z not in full)
        body = urlencode(wished)
        answer = self._tables(call) or self._ask(environ, body.encode())
        if answer.status == HTTPStatus.OK and key[1]:
            self._launches[key] = parameters, answer
        return answer

    def _ask(self, environ, body):
        """Let moto answer."""
        said = {}

        def start_response(status, headers, _=None):
            said["status"], said["headers"] = int(status.split()[0]), headers

        inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        chunks = self._moto.app(inner, start_response)
        content = b"".join(chunks)
        if close := getattr(chunks, "close", None):
            close()
        return Answer(said["status"], said["headers"], content)
