"""AWS as the rest of this provider asks it: one call at a time, refusals as our own errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

from jupyter_scale.errors import AwsError, AwsUnreachable, NoCredentials
from jupyter_scale.providers.aws.refusals import Asked, explain, no_credentials

_CONNECT_S = 10.0
_READ_S = 60.0
_TRIES = 8
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
_SKEWED_S = 240.0
#: What may work a moment later. Lack of capacity is not among it, although EC2 answers it with the
#: status 500, so that boto3 would try for minutes what will not come.
_PASSING = {
    "InternalError",
    "InternalFailure",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "Unavailable",
}
_OF_TIME = {"AuthFailure", "RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"}
_PRICES_REGION = "us-east-1"


class Cloud:
    """One region of AWS, as one user; its methods may be called from any thread.

    Endpoint and credentials come from where boto3 takes them.

    Parameters
    ----------
    region : str
        Which region.
    aws_profile : str
        Which profile of AWS's own configuration; what the environment says when empty.
    """

    def __init__(self, region: str, aws_profile: str = "") -> None:
        self.region, self.aws_profile = region, aws_profile
        self._clients: dict[tuple[str, int], Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()
        self._ahead_s = 0.0

    @property
    def now(self) -> float:
        """The Unix time, by AWS's clock as far as it is known."""
        return time.time() + self._ahead_s

    def call(
        self, service: str, action: str, asked: Asked | None = None, **parameters: Any
    ) -> Mapping[str, Any]:
        """Ask for one thing; what is asked too often is asked again, for a while.

        Parameters
        ----------
        service, action : str
            As boto3 calls them, for instance ``"ec2"`` and ``"run_instances"``.
        asked : Asked, optional
            What errors shall tell of it.

        Raises
        ------
        AwsError
            When it is refused, or AWS cannot be reached.
        """
        asked = asked or Asked("", self.region)
        asked = replace(asked, action=asked.action or _camel(action), aws_profile=self.aws_profile)
        try:
            return self._answer(service, action, asked, parameters)
        except NoCredentials:
            self._forget()  # whoever renews them wants the new ones to be used
            raise

    def _answer(
        self, service: str, action: str, asked: Asked, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,  # noqa: A004 - botocore's own
            CredentialRetrievalError,
            HTTPClientError,
            NoCredentialsError,
            PartialCredentialsError,
            ProfileNotFound,
            SSOTokenLoadError,
            TokenRetrievalError,
            UnauthorizedSSOTokenError,
        )

        try:
            is_once = action == "run_instances"
            client = self._client(service, 1 if is_once else _TRIES)
            answer: Mapping[str, Any] = getattr(client, action)(**parameters)
        except ClientError as error:
            self._note_time(error.response)
            details = error.response.get("Error", {})
            code, message = str(details.get("Code", "")), str(details.get("Message", ""))
            if code in _OF_TIME and abs(self._ahead_s) > _SKEWED_S:
                code, message = "RequestTimeTooSkewed", f"by {abs(self._ahead_s) / 60:.0f} min"
            raise explain(asked, code, message) from error
        except ProfileNotFound as error:
            why = f"there is no profile '{self.aws_profile}' in ~/.aws/config"
            raise no_credentials(asked, why) from error
        except (
            UnauthorizedSSOTokenError,
            SSOTokenLoadError,
            TokenRetrievalError,
            CredentialRetrievalError,
        ) as error:
            raise no_credentials(asked, f"the AWS credentials cannot be had ({error})") from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise no_credentials(asked, "there are no AWS credentials") from error
        except (ConnectionError, HTTPClientError) as error:
            what = asked.what or f"{asked.action} in {asked.region}"
            advice = "Is this machine connected to the network, and the region spelled right?"
            raise AwsUnreachable(what, f"AWS cannot be reached ({error})", advice) from error
        except BotoCoreError as error:
            raise AwsError(asked.what or asked.action, str(error)) from error
        self._note_time(answer)
        return answer

    def launch(self, asked: Asked, **parameters: Any) -> Mapping[str, Any]:
        """Run instances; what may work a moment later is asked again, which the token makes safe.

        Raises
        ------
        AwsError
            When it is refused.
        """
        for pause_s in _PAUSES_S:
            try:
                return self.call("ec2", "run_instances", asked, **parameters)
            except AwsUnreachable:
                pass
            except AwsError as error:
                if error.code not in _PASSING:
                    raise
            time.sleep(pause_s)
        return self.call("ec2", "run_instances", asked, **parameters)

    def pages(
        self, service: str, action: str, asked: Asked | None = None, **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Ask for one thing whose answer has pages."""
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            answer = self.call(service, action, asked, **parameters, **more)
            yield answer
            token = str(answer.get("NextToken") or "")
            if not token:
                return

    def _client(self, service: str, tries: int) -> Any:
        with self._lock:
            if (service, tries) not in self._clients:
                import boto3
                from botocore.config import Config

                config = Config(
                    retries={"mode": "standard", "total_max_attempts": tries},
                    connect_timeout=_CONNECT_S,
                    read_timeout=_READ_S,
                    user_agent_extra="jupyter-scale",
                )
                if self._session is None:
                    self._session = boto3.Session(profile_name=self.aws_profile or None)
                # Prices of all regions are told by a few.
                region = _PRICES_REGION if service == "pricing" else self.region
                self._clients[service, tries] = self._session.client(
                    service, region_name=region, config=config
                )
            return self._clients[service, tries]

    def _forget(self) -> None:
        """Let go of credentials, which boto3 reads once."""
        with self._lock:
            self._session = None
            self._clients.clear()

    def _note_time(self, answer: Mapping[str, Any]) -> None:
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        try:
            there = parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return
        ahead_s = there - time.time()
        self._ahead_s = ahead_s if abs(ahead_s) > 2.0 else 0.0  # noqa: PLR2004 - the header has seconds


def _camel(action: str) -> str:
    return "".join(word.capitalize() for word in action.split("_"))
