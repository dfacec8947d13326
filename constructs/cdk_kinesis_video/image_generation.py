"""The images that Kinesis Video Streams extracts from a stream and delivers to a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import jsii
from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._identity import claim, logical_id, stream_of_app
from ._provider import SERVICE_TIMEOUT_SECONDS, provider_of, service_token
from ._validation import check_integer, check_type, is_known, whole_units

# The first two are in the API's documentation only, the model has no bound for them.
MIN_SAMPLING_INTERVAL_MILLIS = 200
MIN_JPEG_QUALITY, MAX_JPEG_QUALITY = 1, 100
MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS = 1, 3840
MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS = 1, 2160
MAX_URI_LENGTH = 255

# The API's integer has 32 bits.
MAX_SAMPLING_INTERVAL_MILLIS = 2**31 - 1

# S3's bounds of a bucket name, for a name that is not known yet.
_SHORTEST_BUCKET_NAME = "b" * 3


class ImageSelectorType(str, Enum):
    """Which clock the sampling interval is measured by."""

    PRODUCER_TIMESTAMP = "PRODUCER_TIMESTAMP"
    """The producer's, also right for media that was recorded earlier."""
    SERVER_TIMESTAMP = "SERVER_TIMESTAMP"
    """The service's, at the arrival of the fragment."""


@dataclass(frozen=True)
class ImageFormat:
    """The file format of the images. Made by `ImageFormat.jpeg` or `ImageFormat.png`."""

    _format: str
    _quality: jsii.Number | None = None

    @staticmethod
    def jpeg(*, quality: jsii.Number | None = None) -> ImageFormat:
        """JPEG.

        Parameters
        ----------
        quality
            1, the smallest file, to 100, the best image. Default: the service decides, which is 80.

        Raises
        ------
        ValueError
            If the quality is out of its bounds.
        """
        check_integer("quality", quality, MIN_JPEG_QUALITY, MAX_JPEG_QUALITY)
        return ImageFormat("JPEG", quality)

    @staticmethod
    def png() -> ImageFormat:
        """PNG, without loss."""
        return ImageFormat("PNG")


class ImageGeneration(Construct):
    """Define that Kinesis Video Streams extracts images from a stream and delivers them to a bucket.

    The stream has the configuration as long as the stack has this construct. Renaming or moving the construct within
    its stack changes nothing. Images arrive for fragments that the producer has tagged, and are written with the
    rights of the producer, who needs ``s3:PutObject`` on the destination.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    stream
        The stream: a `VideoStream`, a `CfnStream` or an imported one. It must be in the stack's own account and Region
        and keep its data for at least one hour.
    bucket
        The bucket that the images are delivered to, in the stream's Region.
    prefix
        What the keys of the images begin with, such as ``front-door/``; a slash is added at the end if there is none.
        A token is taken as it is, so let its value end in a slash. Default: the images lie at the root of the bucket.
    sampling_interval
        The time between two images, in whole milliseconds, at least 200. Default: 3 seconds.
    format
        The format of the images. Default: JPEG at the service's own quality, which is 80.
    width_pixels
        The width of the images, 1 to 3840 pixels. With `height_pixels` the image is stretched to both, alone it keeps
        its aspect ratio. Default: it follows from the height, and without that is the width of the video.
    height_pixels
        The height of the images, 1 to 2160 pixels. Default: it follows from the width, and without that is the height
        of the video.
    image_selector_type
        Which clock the sampling interval is measured by. Default: the producer's.
    enabled
        False keeps the configuration on the stream and stops the images. Default: True.
    removal_policy
        What happens to the configuration when this construct or its stack is removed: `RemovalPolicy.DESTROY` deletes
        it from the stream, unless somebody else has changed it since; `RemovalPolicy.RETAIN` leaves it, and the images
        go on. Default: `RemovalPolicy.DESTROY`.

    Raises
    ------
    ValueError
        If a prop is out of its bounds, if stream and bucket are known to be in different Regions, if the stream keeps
        no data, or if the stream has its image generation declared already.

    See Also
    --------
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/images.html
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationConfiguration.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stream: IStreamRef,
        bucket: s3.IBucket,
        prefix: str | None = None,
        sampling_interval: Duration | None = None,
        format: ImageFormat | None = None,
        width_pixels: jsii.Number | None = None,
        height_pixels: jsii.Number | None = None,
        image_selector_type: ImageSelectorType = ImageSelectorType.PRODUCER_TIMESTAMP,
        enabled: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        check_type("stream", stream, hasattr(stream, "stream_ref"), "a VideoStream or a CfnStream")
        check_type("bucket", bucket, hasattr(bucket, "bucket_name"), "a bucket such as s3.Bucket")
        interval_millis = _sampling_interval_millis(
            Duration.seconds(3) if sampling_interval is None else sampling_interval
        )
        image_format = ImageFormat.jpeg() if format is None else format
        check_type("format", format, isinstance(image_format, ImageFormat), "ImageFormat.jpeg() or ImageFormat.png()")
        check_integer("width_pixels", width_pixels, MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS)
        check_integer("height_pixels", height_pixels, MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS)
        selectors = " or ".join(f"ImageSelectorType.{selector.name}" for selector in ImageSelectorType)
        check_type(
            "image_selector_type", image_selector_type, isinstance(image_selector_type, ImageSelectorType), selectors
        )
        check_type("enabled", enabled, isinstance(enabled, bool), "True or False")
        policies = (RemovalPolicy.DESTROY, RemovalPolicy.RETAIN)
        check_type(
            "removal_policy",
            removal_policy,
            removal_policy in policies,
            "RemovalPolicy.DESTROY or RemovalPolicy.RETAIN",
        )
        uri = _destination_uri(bucket, prefix)

        super().__init__(scope, construct_id)
        _check_regions(self, stream, bucket)
        _check_data_retention(stream)
        provider = provider_of(self)
        resource_id = logical_id(self, stream, "ImageGeneration")
        claim(self, provider, stream, "ImageGeneration", resource_id)
        self._destination_uri = uri
        self._resource = CfnResource(
            self,
            "Resource",
            type="Custom::KinesisVideoImageGeneration",
            properties={
                "ServiceToken": service_token(provider),
                "ServiceTimeout": SERVICE_TIMEOUT_SECONDS,
                **_stream_parameter(stream),
                "ImageGenerationConfiguration": {
                    "Status": "ENABLED" if enabled else "DISABLED",
                    "ImageSelectorType": image_selector_type.value,
                    "DestinationConfig": {"Uri": uri, "DestinationRegion": Stack.of(self).region},
                    "SamplingInterval": interval_millis,
                    "Format": image_format._format,
                    "FormatConfig": None
                    if image_format._quality is None
                    else {"JPEGQuality": str(image_format._quality)},
                    "WidthPixels": width_pixels,
                    "HeightPixels": height_pixels,
                },
            },
        )
        self._resource.override_logical_id(resource_id)
        self._resource.apply_removal_policy(removal_policy)

    @property
    def destination_uri(self) -> str:
        """Where the images are delivered, as ``s3://<bucket>/<prefix>``."""
        return self._destination_uri

    @property
    def verified(self) -> str:
        """``true`` if the stream, read back at the last deployment, had what is declared here; otherwise ``false``.

        A token, for an output of the stack. The function's log says which fields differ.
        """
        return self._resource.get_att("Verified").to_string()


def _sampling_interval_millis(interval: Duration) -> int | float:
    check_type("sampling_interval", interval, isinstance(interval, Duration), "a Duration such as Duration.seconds(3)")
    if not is_known(interval):
        return interval.to_milliseconds()
    millis = whole_units("sampling_interval", interval, "milliseconds", "Duration.millis(200)")
    if not MIN_SAMPLING_INTERVAL_MILLIS <= millis <= MAX_SAMPLING_INTERVAL_MILLIS:
        raise ValueError(
            f"`sampling_interval` is {millis} ms, it must be {MIN_SAMPLING_INTERVAL_MILLIS} to "
            f"{MAX_SAMPLING_INTERVAL_MILLIS} ms"
        )
    return millis


def _destination_uri(bucket: s3.IBucket, prefix: str | None) -> str:
    if prefix is not None and not isinstance(prefix, str):
        raise ValueError(f"`prefix` is {prefix!r}, it must be text such as 'front-door/'")
    if prefix and is_known(prefix):
        if "*" in prefix:
            raise ValueError(f"`prefix` is {prefix!r}, it must not contain *, take that character out")
        prefix = prefix.strip("/")
        prefix = prefix and f"{prefix}/"
    uri = f"s3://{bucket.bucket_name}/{prefix}" if prefix else f"s3://{bucket.bucket_name}"
    if is_known(prefix):
        name = bucket.bucket_name if is_known(bucket.bucket_name) else _SHORTEST_BUCKET_NAME
        length = len(f"s3://{name}/{prefix}")
        if length > MAX_URI_LENGTH:
            raise ValueError(
                f"`prefix` makes a destination of {length} characters, it must be at most {MAX_URI_LENGTH} with the "
                f"bucket's name, shorten it by {length - MAX_URI_LENGTH}"
            )
    return uri


def _stream_parameter(stream: IStreamRef) -> dict[str, str]:
    reference = stream.stream_ref
    # Without the creation time of the stream it is no ARN that the API takes; the function looks the name up.
    if reference.stream_arn.endswith("/*"):
        return {"StreamName": reference.stream_name}
    return {"StreamARN": reference.stream_arn}


def _check_regions(scope: Construct, stream: IStreamRef, bucket: s3.IBucket) -> None:
    here, of_stream, of_bucket = Stack.of(scope).region, stream.env.region, bucket.env.region
    if is_known(of_stream) and is_known(of_bucket) and of_stream != of_bucket:
        raise ValueError(
            f"`bucket` is in {of_bucket} and `stream` in {of_stream}, images are delivered in the stream's Region "
            f"only, take a bucket in {of_stream}"
        )
    if is_known(of_stream) and is_known(here) and of_stream != here:
        raise ValueError(
            f"`stream` is in {of_stream} and this stack in {here}, declare its image generation in a stack in "
            f"{of_stream}"
        )


def _check_data_retention(stream: IStreamRef) -> None:
    resource = stream_of_app(stream)
    if resource is None:
        return
    hours = resource.data_retention_in_hours
    if not hours:
        given = "unset, which is 0" if hours is None else "0"
        raise ValueError(
            f"`stream` keeps no data: its data retention is {given}, it must be at least 1 hour, set "
            "`data_retention_in_hours` of the stream"
        )
