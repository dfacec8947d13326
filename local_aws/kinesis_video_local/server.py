"""Starts and stops an AWS on this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import boto3
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session

from kinesis_video_tools.camera import Producer
from kinesis_video_tools.delivered_images import DeliveredImages

from . import certificates
from ._front_door import parse_origin
from .service.journal import Call

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

_HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 10
_LOG_TAIL_LINES = 30
# Shared by the clients of all local AWSs, because reading a service's model takes 44 to 90 ms of CPU.
_MODELS = create_loader()
_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

# The process gets only the variables that it needs: no credentials, no settings of another ministack.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")

# Clients ignore AWS_PROFILE and its files. Each value is a variable of botocore: its name in the file, its name in the
# environment, its default and its type.
_NO_USER_SETTINGS: dict[str, tuple[Any, Any, Any, Any]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class LocalAwsError(RuntimeError):
    """The local AWS did not start, or failed at a request."""


class LocalAws:
    """An AWS on this machine, for as long as the ``with`` block runs.

    It listens on 127.0.0.1 only and keeps everything in memory and in one temporary directory. It ends with the block,
    or when this process ends in any other way.

    Parameters
    ----------
    port
        The port to listen on; 0 selects a free one.
    region
        The Region of ``environment`` and the default of ``client``.
    enforce_iam
        Check IAM policies and credentials: the credentials of ``environment`` are new at each start, and belong to
        the account's root, which has all permissions. Otherwise anybody on this machine can use it as ``test``.
    quotas
        Enforce the API quotas of Kinesis Video Streams.
    creating_seconds
        How long a stream created by the API is CREATING.
    stale_seconds
        How long the calls that describe a configuration return the previous one, like eventually consistent services.
    tls
        Listen with TLS as well, on a separate port, with a certificate that is generated at the start. AWS's own
        producers need it; everything else can use plain HTTP.
    tls_port
        The port for TLS; 0 selects a free one. Any other value switches TLS on.
    ca
        The directory for the issuer of the certificate, so that a producer that trusts it once still does after the
        next start; its certificate is ``issuer.pem`` there. The issuer is generated if there is none, and only the user
        can read its key. A value switches TLS on. By default there is a new issuer at each start.
    count_event_pairs
        Count the pairs of image and notification events towards the ten tags of a fragment, which is one reading of the
        documentation. AWS's SDKs allow a program to send more; it isn't known whether the service accepts them.
    allowed_origins
        The origins whose web pages are allowed to use it, such as ``http://localhost:3000``; no other page is. It runs
        code, so allow only origins that you trust with this machine.

    Raises
    ------
    ValueError
        If an allowed origin is not an origin.

    Examples
    --------
    >>> with LocalAws() as aws:
    ...     aws.client("kinesisvideo").create_stream(
    ...         StreamName="front-door", DataRetentionInHours=24
    ...     )
    """

    def __init__(
        self,
        *,
        port: int = 0,
        region: str = "us-east-1",
        enforce_iam: bool = False,
        quotas: bool = True,
        creating_seconds: float = 0.3,
        stale_seconds: float = 0,
        tls: bool = False,
        tls_port: int = 0,
        ca: str | Path | None = None,
        count_event_pairs: bool = True,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        self._port = port
        self._region = region
        self._enforce_iam = enforce_iam
        self._quotas = quotas
        self._creating_seconds = creating_seconds
        self.stale_seconds = stale_seconds
        self._tls = tls or tls_port > 0 or ca is not None
        self._tls_port = tls_port
        self._ca = None if ca is None else Path(ca)
        self._count_event_pairs = count_event_pairs
        self._allowed_origins = [parse_origin(origin) for origin in allowed_origins]
        self._access_key_id = self._secret_access_key = "test"
        self._control_key: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None
        self._clients: list[Any] = []
        self.endpoint_url = ""
        self.tls_endpoint_url: str | None = None
        self.trusted_certificate: Path | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point an AWS SDK or the CDK CLI here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self._access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._secret_access_key,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": _HOST,
        }

    @property
    def producer_environment(self) -> dict[str, str]:
        """The environment variables that point AWS's C producer and `kvssink` here with TLS; empty without TLS."""
        if not (self.tls_endpoint_url and self.trusted_certificate):
            return {}
        return {
            "CONTROL_PLANE_URI": self.tls_endpoint_url,
            "AWS_KVS_CACERT_PATH": str(self.trusted_certificate),
            "KVSSINK_CA_CERT_PATH": str(self.trusted_certificate),
        }

    @property
    def log(self) -> Path:
        """The log file, which is removed at the end."""
        if self._directory is None:
            raise LocalAwsError("The local AWS is not running")
        return self._directory / "local_aws.log"

    def start(self) -> None:
        """Start, and wait until requests are answered.

        Raises
        ------
        LocalAwsError
            If the port is taken, or if the process ends or does not answer in time; the message then ends with the
            last lines of its log.
        """
        listener = _listener(self._port)
        if self._enforce_iam:
            self._access_key_id = "AKIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))
            self._secret_access_key, self._control_key = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
        self._directory = Path(tempfile.mkdtemp(prefix="local-aws-"))
        try:
            with listener, _listener(self._tls_port) if self._tls else nullcontext() as tls_listener:
                self.endpoint_url = f"http://{_HOST}:{listener.getsockname()[1]}"
                self._process = self._spawn(listener, tls_listener, self._directory)
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop, with every Lambda worker, and leave nothing behind: the clients are closed as well."""
        while self._clients:
            self._clients.pop().close()
        process, self._process = self._process, None
        if process:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        directory, self._directory = self._directory, None
        if directory:
            shutil.rmtree(directory, ignore_errors=True)

    @overload
    def client(self, service: Literal["kinesisvideo"], region: str | None = None) -> KinesisVideoClient: ...

    @overload
    def client(self, service: str, region: str | None = None) -> Any: ...

    def client(self, service: str, region: str | None = None) -> Any:
        """Create a boto3 client with the credentials of ``environment``, without automatic retries."""
        create_client: Any = self.session().client
        client = create_client(
            service,
            region_name=region or self._region,
            endpoint_url=self.endpoint_url,
            config=Config(retries={"total_max_attempts": 1}),
        )
        self._clients.append(client)
        return client

    def session(self) -> boto3.Session:
        """Create a boto3 session with the credentials and the Region of ``environment``, without an endpoint."""
        session = Session(session_vars=_NO_USER_SETTINGS)
        session.register_component("data_loader", _MODELS)
        return boto3.Session(
            aws_access_key_id=self._access_key_id,
            aws_secret_access_key=self._secret_access_key,
            region_name=self._region,
            botocore_session=session,
        )

    def producer(self, stream_name: str, **options: Any) -> Producer:
        """Create a producer of a stream here.

        Parameters
        ----------
        stream_name
            The name of an existing stream.
        options
            The other parameters of `kinesis_video_tools.camera.Producer`, such as ``role_arn`` and ``tags``.
        """
        return Producer(stream_name, session=self.session(), endpoint_url=self.endpoint_url, **options)

    def images(self, destination_uri: str, *, stream_name: str | None = None) -> DeliveredImages:
        """Look at the images of a destination here.

        Parameters
        ----------
        destination_uri
            Such as ``s3://bucket/front-door/``.
        stream_name
            The stream whose images count. Default: every stream's.

        Raises
        ------
        ValueError
            If the URI is not one of Amazon S3.
        """
        return DeliveredImages(self.client("s3"), destination_uri, stream_name=stream_name)

    def inject_fault(
        self, operation: str, *, error: str | None = None, times: int = 1, delay_seconds: float = 0.0
    ) -> None:
        """Make the next calls of a Kinesis Video Streams operation slow, or fail, or both.

        Parameters
        ----------
        operation
            The operation, for example ``UpdateImageGenerationConfiguration``; or a step of PutMedia:
            ``PutMedia.Fragment``, the next fragment that starts, or ``PutMedia.Images``, the images of the next
            fragment that gets images.
        error
            The error code of the answer: any error of the service model, or ``InternalFailure`` (500) or
            ``ServiceUnavailable`` (503). None answers as usual, after the delay. For a fragment, the name of its ERROR
            acknowledgement, such as ``KMS_KEY_ACCESS_DENIED``, or ``CONNECTION_CUT``, which cuts the connection within
            the fragment; for images, ``InternalFailure``, which leaves them out.
        times
            The number of calls, fragments or fragments' images that it affects.
        delay_seconds
            How long each of them waits first; for a fragment, the delay of its RECEIVED and PERSISTED.
        """
        self._control(
            "POST",
            "faults",
            {"operation": operation, "error": error, "times": times, "delay_seconds": delay_seconds},
        )

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._control("DELETE", "faults")

    def calls(self, operation: str | None = None) -> list[Call]:
        """List the Kinesis Video Streams calls answered so far, oldest first; CloudFormation's own are not among them.

        Parameters
        ----------
        operation
            List the calls of this operation only.
        """
        calls = [Call(**call) for call in self._control("GET", "calls")]
        return [call for call in calls if operation in (None, call.operation)]

    def clear_calls(self) -> None:
        """Forget the calls answered so far."""
        self._control("DELETE", "calls")

    def _spawn(
        self, listener: socket.socket, tls_listener: socket.socket | None, directory: Path
    ) -> subprocess.Popen[bytes]:
        tls: dict[str, Any] | None = None
        if tls_listener:
            self.tls_endpoint_url = f"https://{_HOST}:{tls_listener.getsockname()[1]}"
            self.trusted_certificate, own = self._issue_certificate(directory)
            tls = {"socket": tls_listener.fileno(), "certificate": str(own)}
        options = {
            "socket": listener.fileno(),
            "tls": tls,
            "allowed_origins": self._allowed_origins,
            "kinesis_video": {
                "endpoint_urls": {"http": self.endpoint_url, "https": self.tls_endpoint_url},
                "quotas": self._quotas,
                "count_event_pairs": self._count_event_pairs,
                "creating_seconds": self._creating_seconds,
                "stale_seconds": self.stale_seconds,
            },
        }
        port = self.endpoint_url.rpartition(":")[2]
        environment = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "HOME": str(directory),
            "TMPDIR": str(directory),
            # ministack's files, such as the key of Cognito's tokens, which everybody could read or bring in /tmp.
            "STATE_DIR": f"{directory}/state",
            "S3_DATA_DIR": f"{directory}/objects",
            "GATEWAY_PORT": port,
            "MINISTACK_HOST": _HOST,
            "MINISTACK_REGION": self._region,
            "AUTH": "true" if self._enforce_iam else "false",
            "AWS_ACCESS_KEY_ID": self._access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._secret_access_key,
            **({"LOCAL_AWS_CONTROL_KEY": self._control_key} if self._control_key else {}),
            # ministack's other listeners are off.
            "BIND_HOST": _HOST,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # ministack removes existing containers when it starts, so hide Docker from it.
            "DOCKER_HOST": f"unix://{directory}/no-docker",
        }
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "kinesis_video_local._process", json.dumps(options)],
                # In an empty directory, since Python would import the files of the current one.
                cwd=directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[one.fileno() for one in (listener, tls_listener) if one],
                start_new_session=True,
            )

    def _issue_certificate(self, directory: Path) -> tuple[Path, Path]:
        try:
            return certificates.issue(_HOST, directory, self._ca)
        except (OSError, ValueError) as error:
            raise LocalAwsError(f"The local AWS can't use the issuer in {self._ca}: {error}") from error

    def _await_ready(self) -> None:
        # The socket already listens: a request waits in its queue, and is refused only when the process has ended.
        deadline = time.monotonic() + _START_SECONDS
        try:
            self._control("GET", "calls", timeout=deadline - time.monotonic())
        except OSError as error:
            lines = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
            raise LocalAwsError("\n".join(["The local AWS did not start; its log ends with", *lines])) from error

    def _control(self, method: str, what: str, body: Any = None, *, timeout: float = 30) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint_url}/_local_aws/{what}",
            method=method,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._control_key}"} if self._control_key else {},
        )
        # Without an empty ProxyHandler, urllib would use the user's proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)) from None


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        raise LocalAwsError(f"The local AWS can't listen on {_HOST}:{port}: {error.strerror}") from error
