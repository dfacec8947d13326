"""A producer: sends video to a stream by PutMedia, as AWS's own producers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Protocol

import boto3
import botocore.exceptions
import botocore.session
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import get_cert_path

from kinesis_video_configuration.retries import CallError
from kinesis_video_matroska import Fragment, Tags, Track

from .acknowledgements import Acknowledgement
from .delivery import Delivery, Report
from .put_media import PutMedia, PutMediaError, sign_put_media


class Video(Protocol):
    """The video that a producer sends: `ClockVideo`, `VideoFile`, or your own."""

    @property
    def track(self) -> Track:
        """The video's only track."""

    def duration(self, fragments: int | None) -> float | None:
        """Return the length in seconds of the first fragments, or of all if None are given; None if there is no end."""

    def fragments(self, start: int) -> Iterator[Fragment]:
        """Return the fragments one after the other, the first one at that time in milliseconds since 1970."""


class Producer:
    """Sends video to one stream.

    It opens a new connection after a lost one, after an ERROR acknowledgement and after 40 minutes, each time with
    new credentials, with pauses that grow up to 30 seconds. Fragments that weren't acknowledged are sent again; one
    that the service has answered with an error is given up.

    Parameters
    ----------
    stream_name
        The name of an existing stream.
    session
        Credentials and Region; the default is boto3's.
    role_arn
        A role to assume, so that its permissions are used for PutMedia, the images and the notifications. The
        default is the session's own identity.
    endpoint_url
        The endpoint of Kinesis Video Streams and STS, such as a local AWS; the default is boto3's.
    tags
        The tags of each fragment, made by `fragment_tags`; by default there are none, and therefore no images.
    absolute_timecodes
        Whether the timecodes count from 1970 (the default) or from the start of the connection. Images have the same
        timestamps either way.
    connection_seconds
        The time after which a new connection is opened; the default is 2,400, as the service ends one after 45 minutes.
    attempts
        The number of connections without an acknowledgement after which it gives up; the default is 8, about a minute.
    on_acknowledgement
        Is called with each acknowledgement.
    on_reconnect
        Is called with the reason, in words, before a new connection.
    """

    def __init__(
        self,
        stream_name: str,
        *,
        session: boto3.Session | None = None,
        role_arn: str | None = None,
        endpoint_url: str | None = None,
        tags: Sequence[Tags] = (),
        absolute_timecodes: bool = True,
        connection_seconds: float = 2400,
        attempts: int = 8,
        on_acknowledgement: Callable[[Acknowledgement], None] = lambda acknowledgement: None,
        on_reconnect: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.stream_name = stream_name
        self._session = session or boto3.Session()
        self._role_arn = role_arn
        self._endpoint_url = endpoint_url
        self._absolute_timecodes = absolute_timecodes
        self._make_delivery = partial(
            Delivery,
            connect=self._connect,
            tags=tags,
            absolute_timecodes=absolute_timecodes,
            connection_seconds=connection_seconds,
            attempts=attempts,
            on_acknowledgement=on_acknowledgement,
            on_reconnect=on_reconnect,
        )
        self._url: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._delivery: Delivery | None = None

    @property
    def report(self) -> Report:
        """The results of the fragments of the latest `send` so far."""
        return self._delivery.report if self._delivery else Report()

    def send(
        self, video: Video, *, seconds: float | None = None, fragments: int | None = None, speed: float = 1
    ) -> Report:
        """Send video until it ends, and wait for the last acknowledgement.

        It runs its own event loop: a program that has one must call it in a thread.

        Parameters
        ----------
        video
            The video.
        seconds
            The length to send, in seconds of the video's time; the default is all.
        fragments
            The number of fragments to send; the default is all.
        speed
            The speed relative to real time, 1 or more; the default is 1. At most 5 fragments a second are sent, the
            service's limit. Above 1, the video's time starts in the past, so that it doesn't end in the future: the
            length must be known.

        Returns
        -------
        The results of the fragments.

        Raises
        ------
        PutMediaError
            If the service refuses, or after too many connections without an acknowledgement.
        ValueError
            If a parameter is out of its bounds.
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
            If there are no credentials, if there is no endpoint, or if the role can't be assumed.
        """
        lengths = [length for length in (seconds, video.duration(fragments)) if length is not None]
        if not speed >= 1:
            raise ValueError(f"`speed` is {speed}, and video is sent at real time, 1, or faster; give 1 or more")
        if speed > 1 and not lengths:
            raise ValueError(
                f"`speed` is {speed}, and a video without an end can't be faster than real time; "
                "give `seconds` or `fragments`, or the speed 1"
            )
        ahead = min(lengths, default=0) * (1 - 1 / speed)
        start = round((time.time() - ahead) * 1000)
        chosen: Iterator[Fragment] = islice(video.fragments(start), fragments)
        if seconds is not None:
            chosen = _until(chosen, start + round(seconds * 1000))
        return asyncio.run(self._deliver(video.track, chosen, speed))

    def stop(self) -> None:
        """End the fragment that is being sent, wait for its last acknowledgement, and end `send`.

        It can be called from any thread and from a signal handler.
        """
        if self._loop and self._delivery:
            self._loop.call_soon_threadsafe(self._delivery.stop)

    async def _deliver(self, track: Track, fragments: Iterator[Fragment], speed: float) -> Report:
        self._delivery = self._make_delivery(track, fragments, speed=speed)
        self._loop = asyncio.get_running_loop()
        try:
            await self._delivery.run()
        finally:
            self._loop = None
        return self._delivery.report

    async def _connect(self, start: int, on_acknowledgement: Callable[[Acknowledgement], None]) -> PutMedia:
        try:
            url, headers = self._request(start)
        except botocore.exceptions.ClientError as error:
            if not CallError.of(error.operation_name, error).passing:
                raise
            raise PutMediaError(str(error), retryable=True) from error
        except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError) as error:
            # A network that was available before comes back.
            raise PutMediaError(str(error), retryable=self.report.connections > 0) from error
        return await PutMedia.open(url, headers, on_acknowledgement, self._trust())

    def _request(self, start: int) -> tuple[str, dict[str, str]]:
        # It blocks the loop, but no connection is open yet.
        credentials = self._credentials()
        if self._url is None:
            with closing(
                self._session.client(
                    "kinesisvideo",
                    endpoint_url=self._endpoint_url,
                    aws_access_key_id=credentials.access_key,
                    aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                )
            ) as client:
                endpoint = client.get_data_endpoint(StreamName=self.stream_name, APIName="PUT_MEDIA")["DataEndpoint"]
            self._url = f"{endpoint}/putMedia"
        headers = {
            "x-amzn-stream-name": self.stream_name,
            "x-amzn-fragment-timecode-type": "ABSOLUTE" if self._absolute_timecodes else "RELATIVE",
            "x-amzn-producer-start-timestamp": f"{start // 1000}.{start % 1000:03d}",
            "x-amzn-fragment-acknowledgment-required": "1",
        }
        return self._url, sign_put_media(self._url, headers, credentials, self._session.region_name)

    def _trust(self) -> str | None:
        """Return the file of certificates that boto3 uses: of AWS_CA_BUNDLE, of the profile, or botocore's own."""
        # boto3 says "default" for no profile, and botocore refuses a profile that isn't there.
        profile = None if self._session.profile_name == "default" else self._session.profile_name
        return get_cert_path(botocore.session.Session(profile=profile).get_config_variable("ca_bundle") or True)

    def _credentials(self) -> ReadOnlyCredentials:
        if self._role_arn:
            with closing(self._session.client("sts", endpoint_url=self._endpoint_url)) as sts:
                role = sts.assume_role(RoleArn=self._role_arn, RoleSessionName="kinesis-video")["Credentials"]
            return ReadOnlyCredentials(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
        credentials = self._session.get_credentials()
        if credentials is None:
            raise botocore.exceptions.NoCredentialsError
        frozen: ReadOnlyCredentials = credentials.get_frozen_credentials()
        return frozen


def _until(fragments: Iterator[Fragment], end: int) -> Iterator[Fragment]:
    """Leave out frames at or after a time in milliseconds since 1970."""
    for fragment in fragments:
        frames = [frame for frame in fragment.frames if frame.timecode < end]
        if not frames:
            return
        yield replace(fragment, frames=frames)
