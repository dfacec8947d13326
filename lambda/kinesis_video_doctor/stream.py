"""The stream and its configuration, each asked for once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from kinesis_video_configuration import IMAGE_GENERATION

from .calls import Calls, Fact, UndecidedError, if_known

T = TypeVar("T")

_NO_SUCH_STREAM = ("ResourceNotFoundException",)
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,256}")
# A client says so if its credentials are of no use for any call.
_INVALID_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)


@dataclass(frozen=True)
class Key:
    """A customer managed key of KMS."""

    arn: str
    state: str
    """As DescribeKey has it; ``absent`` if there is none, ``elsewhere`` if it is in another Region."""
    spec: str = "SYMMETRIC_DEFAULT"
    """The type of key material."""

    @property
    def account(self) -> str:
        """Its account."""
        return self.arn.split(":")[4]

    @classmethod
    def find(cls, call: Calls, id_: str | None, region: str) -> Key | None:
        """Describe a key; None for a key of AWS, or for none."""
        if not id_ or "alias/aws/" in id_:
            return None
        if id_.startswith("arn:") and id_.split(":")[3] != region:
            return cls(id_, "elsewhere")
        answer = call("kms:DescribeKey", "describe_key", absent=("NotFoundException",), KeyId=id_)
        if answer is None:
            return cls(id_, "absent")
        found = answer["KeyMetadata"]
        if found.get("KeyManager") == "AWS":
            return None
        return cls(found["Arn"], found["KeyState"], found.get("KeySpec", cls.spec))


class Stream:
    """One stream under examination, given by its name or its ARN.

    Raises
    ------
    ValueError
        If it is neither, or of another account or Region than the credentials.
    botocore.exceptions.ClientError
        If the credentials are not valid.
    """

    def __init__(self, call: Calls, given: str, minutes: int) -> None:
        self.call = call
        self.minutes = minutes
        self.region: str = call.client("sts").meta.region_name
        self.partition: str = call.session.get_partition_for_region(self.region)
        self.arn_given = given if given.startswith("arn:") else None
        parts = given.split(":")
        if self.arn_given and (len(parts) != 6 or parts[2] != "kinesisvideo" or parts[5].count("/") != 2):
            raise ValueError(f"`stream` is {given!r}; give the name or the ARN of a Kinesis video stream")
        self.name = parts[5].split("/")[1] if self.arn_given else given
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"`stream` is {given!r}; a name has 1 to 256 of a-z A-Z 0-9 _ . - and no blanks")
        caller = self._caller()
        if self.arn_given and (parts[3], parts[4]) != (self.region, caller or parts[4]):
            raise ValueError(
                f"`stream` is of {parts[4]}, {parts[3]}, and the credentials of {caller or '?'}, {self.region}; "
                "use credentials and a Region of the stream's"
            )
        self._account = caller or (parts[4] if self.arn_given else None)

    def _caller(self) -> str | None:
        """Return the account of the credentials; None if STS can't be asked."""
        try:
            answer = self.call("sts:GetCallerIdentity", "get_caller_identity")
            return str(answer["Account"])
        except UndecidedError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"].get("Code") in _INVALID_CREDENTIALS:
                raise cause from None
            return None
        except KeyError:
            return None

    @Fact
    def account(self) -> str:
        """The account of the stream."""
        return self._account or str(self.info["StreamARN"].split(":")[4])

    @property
    def known_account(self) -> str:
        """The account, or a question mark."""
        return if_known(lambda: self.account, "?")

    @Fact
    def now(self) -> datetime:
        """The time by the services' clock, the same for all checks."""
        return self.call.now

    @property
    def since(self) -> datetime:
        """The start of the examined time."""
        return self.now - timedelta(minutes=self.minutes)

    def count(self, metrics: Mapping[str, tuple[str, str, str, str]], since: datetime) -> dict[str, float]:
        """Sum metrics, each given by its namespace, its name, and its dimension with the value."""
        answer = self.call(
            "cloudwatch:GetMetricData",
            "get_metric_data",
            MetricDataQueries=[
                {
                    "Id": id_,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": namespace,
                            "MetricName": name,
                            "Dimensions": [{"Name": dimension, "Value": value}],
                        },
                        "Period": 60,
                        "Stat": "Sum",
                    },
                }
                for id_, (namespace, name, dimension, value) in metrics.items()
            ],
            StartTime=since,
            EndTime=self.now + timedelta(minutes=1),
        )
        counted = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
        return {id_: counted[id_] for id_ in metrics}

    @property
    def address(self) -> Mapping[str, Any]:
        """The parameter that names the stream in calls: its name, unless its ARN was given."""
        return {"StreamARN": self.arn_given} if self.arn_given else {"StreamName": self.name}

    @Fact
    def described(self) -> Mapping[str, Any] | None:
        """What DescribeStream says; None if there is no such stream."""
        answer = self.call("kinesisvideo:DescribeStream", "describe_stream", absent=_NO_SUCH_STREAM, **self.address)
        return answer["StreamInfo"] if answer else None

    @property
    def successor(self) -> str | None:
        """The ARN of the stream that has the name now, if the given ARN no longer exists."""
        answer = self.call(
            "kinesisvideo:DescribeStream", "describe_stream", absent=_NO_SUCH_STREAM, StreamName=self.name
        )
        return str(answer["StreamInfo"]["StreamARN"]) if answer else None

    @property
    def info(self) -> Mapping[str, Any]:
        """What DescribeStream says."""
        return needed(self.described, "there is no stream")

    @Fact
    def arn(self) -> str:
        """The ARN of the stream, as it was given or as DescribeStream has it."""
        return self.arn_given or str(self.info["StreamARN"])

    @property
    def retention(self) -> int | None:
        """The data retention in hours; None if the answer leaves it out."""
        return self.info.get("DataRetentionInHours")

    @Fact
    def key(self) -> Key | None:
        """The customer managed key of the stream; None if it has none."""
        return Key.find(self.call, self.info.get("KmsKeyId"), self.region)

    @Fact
    def configured(self) -> Mapping[str, Any] | None:
        """The image generation configuration; None if the stream has none, or if there is no stream."""
        answer = self.call(
            "kinesisvideo:DescribeImageGenerationConfiguration",
            IMAGE_GENERATION.describe,
            absent=_NO_SUCH_STREAM,
            **self.address,
        )
        return (answer or {}).get(IMAGE_GENERATION.configuration) or None

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The image generation configuration."""
        return needed(self.configured, "no image generation is configured")

    @property
    def interval(self) -> timedelta:
        """The sampling interval."""
        return timedelta(milliseconds=self.configuration["SamplingInterval"])

    @property
    def by_producer(self) -> bool:
        """Whether images have the producer's times in their keys."""
        return bool(self.configuration["ImageSelectorType"] == "PRODUCER_TIMESTAMP")


def needed(found: T | None, without: str) -> T:
    """Return what was found."""
    if found is None:
        raise UndecidedError(f"{without}, so there is nothing to check")
    return found
