"""Amazon on this machine: moto's API, completed, whose instances are machines with a real sshd.

`AwsLab` serves the API at one address, to this process and in the network of the lab's client.
What moto gets wrong or lacks is in awscalls.py and awstables.py, the machines in awsmachines.py,
their metadata service in awsimds.py.
"""

import socket
import threading
from email.utils import formatdate
from pathlib import Path

from awscalls import Fault, Front, Point
from awsgroups import enforce
from awsmachines import BOOTS, Ec2Instance, Ec2Network
from awsmoto import Moto
from awstables import Tables
from laptop import Laptop
from sshlab import make_key

REGION = "us-east-1"


class AwsLab:
    """The API at `endpoint`, and the machines of its instances.

    Attributes
    ----------
    key
        A login key of the lab's own, for tests that bring none; its public half is `key`.pub.
    calls
        What was asked, in order (`awscalls.Call`).
    quotas
        vCPUs by quota code; a test may change them.
    launched_ago_s
        What is launched says that it was so long ago; a test may change it.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        self.key = make_key(self.directory / "id_ed25519")
        self.network = Ec2Network()
        self._lock = threading.RLock()
        self._instances = {}
        self._plugged = []
        self._boots = []
        self.launched_ago_s = 0.0
        self._tables = Tables()
        self._moto = Moto(self)
        self._front = Front(self._tables, self._moto, self.network)
        outside = _listen(0)
        port = outside.getsockname()[1]
        with self.network.inside():  # where nobody else listens
            inside = _listen(port)
        self.endpoint = f"http://127.0.0.1:{port}"
        self._servers = [_Server(sock, self._front) for sock in (outside, inside)]

    def close(self):
        self.reset()
        for server in self._servers:
            server.close()
        self._moto.close()
        self.network.close()

    def reset(self):
        """End every machine and forget every call, fault and resource."""
        with self._lock:
            instances, self._instances = list(self._instances.values()), {}
        for instance in instances:
            instance.terminate()
        for instance in instances:
            instance.close()
        self._boots = []
        self.launched_ago_s = 0.0
        if self.network.client_address != Ec2Network.client_address:
            self.network.move_client(254)
        self._front.reset()
        self._tables.reset()
        self._moto.reset()

    def inside(self):
        """Return a context in which sockets are made where the machines can be reached."""
        return self.network.inside()

    # ------------------------------------------------------------ the client's side

    def environment(self, region=REGION, access_key="AKIALAB"):
        """Return the environment variables by which boto3 finds the bench, and nothing else."""
        nothing = str(self.directory / "none")
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_CONFIG_FILE": nothing,
            "AWS_SHARED_CREDENTIALS_FILE": nothing,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def client(self, service="ec2", region=REGION, access_key="AKIALAB", attempts=1):
        """Return a boto3 client of the bench, which tries each call once unless told otherwise."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    def laptop(self, folder, home, **variables):
        """Start a laptop whose boto3 finds the bench."""
        return Laptop(self, folder, home, **{**self.environment(), **variables})

    # ------------------------------------------------------------ what a test asks and disturbs

    @property
    def calls(self):
        return self._front.calls

    @property
    def quotas(self):
        return self._tables.quotas

    def count(self, action):
        """Return how often an action was called."""
        return sum(call.action == action for call in self.calls)

    def fail(self, action, code, message="", *, times=1, after=False, **where):
        """Let calls of an action fail.

        `times` None is always; "*" is every action. `where` are values of a `Call`'s attributes
        (zone, instance_type, spot, region, access_key, service). With `after`, the call is carried
        out and only its answer is lost. boto3 tries those again that are the server's fault.
        """
        self._front.faults.append(Fault(action, code, message, times, where, after))

    def heal(self):
        """Let nothing fail any more."""
        self._front.faults.clear()

    def throttle(self, action="*", times=1):
        """Refuse calls as too many."""
        self.fail(action, "RequestLimitExceeded", "Request limit exceeded.", times=times)

    def deny(self, action):
        """Refuse an action as a policy without it does."""
        self.fail(action, "denied", "You are not authorized to perform this.", times=None)

    def delay(self, action, delay_s):
        """Let an action, or "*", take longer."""
        self._front.delays[action] = delay_s

    def expire(self, access_key="AKIALAB"):
        """Let credentials be out of date."""
        self._front.expired.add(access_key)

    def set_clock(self, ahead_s):
        """Let Amazon's clock be so far ahead of this machine's; requests signed long ago fail."""
        self._front.ahead_s = ahead_s

    def accept_only(self, *access_keys):
        """Let all other credentials be unknown."""
        self._front.known = set(access_keys)

    def before(self, action, callback, n=1):
        """Call back before the n-th call of an action from now on is carried out."""
        self._front.points.append(Point(action, n, "before", callback))

    def after(self, action, callback, n=1):
        """Call back when the n-th call of an action from now on was carried out, unanswered yet."""
        self._front.points.append(Point(action, n, "after", callback))

    def move(self, last=253):
        """Take the client to another place: its address ends in `last` now, until a reset."""
        self.network.move_client(last)
        self.enforce_groups()

    def boot(self, *ways):
        """Say how the next instances boot: "well", "dies", "silent" or "stranger"."""
        assert set(ways) <= set(BOOTS)
        self._boots.extend(ways)

    @property
    def instances(self):
        """All instances, also those that have ended, in the order of their launch."""
        with self._lock:
            return list(self._instances.values())

    @property
    def living(self):
        return [i for i in self.instances if i.state not in ("terminated", "shutting-down")]

    @property
    def machines(self):
        """The machines of what lives, by instance id, as other labs name theirs."""
        return {instance.id: instance.machine for instance in self.living}

    def instance(self, instance_id):
        return self._instances[instance_id]

    # ------------------------------------------------------------ what moto tells

    def launch(self, api, user, key):
        """Make the machine of a new instance; it boots by itself."""
        with self._lock:
            how = self._boots.pop(0) if self._boots else "well"
            instance = Ec2Instance(self, api, how, user, key)
            self._instances[api.id] = instance
            self._plugged.append(instance)
            self.enforce_groups()
        instance.begin()

    def unplug(self, instance):
        """Take the machine of an instance off the network."""
        with self._lock:
            self._plugged.remove(instance)
            self.network.remove_host(instance.number)

    def enforce_groups(self):
        with self._lock:
            enforce(self._plugged, self.network.client_address)

    def terminate(self, api):
        if instance := self._instances.get(api.id):
            instance.terminate()


def _listen(port):
    return socket.create_server(("127.0.0.1", port), backlog=128)


class _Server:
    """The app at a socket, in a thread."""

    def __init__(self, listener, app):
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Handler(WSGIRequestHandler):
            def log(self, *arguments):
                """Say nothing: the calls are written down."""

            def date_time_string(self, timestamp=None):
                return formatdate(app.now, usegmt=True)

        address, port = listener.getsockname()
        with listener:
            self._server = make_server(
                address, port, app, threaded=True, request_handler=Handler, fd=listener.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
