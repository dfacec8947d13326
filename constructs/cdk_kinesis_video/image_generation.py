"""The images that Kinesis Video Streams extracts from a stream and delivers to a bucket."""

from __future__ import annotations

from typing import Any, TypedDict

import jsii
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from kinesis_video_contract.configurations import IMAGE_GENERATION
from kinesis_video_contract.images import (
    DEFAULT_SAMPLING_INTERVAL_MILLIS,
    DISABLED,
    ENABLED,
    MAX_HEIGHT_PIXELS,
    MAX_SAMPLING_INTERVAL_MILLIS,
    MAX_WIDTH_PIXELS,
    MIN_HEIGHT_PIXELS,
    MIN_SAMPLING_INTERVAL_MILLIS,
    MIN_WIDTH_PIXELS,
)

from ._jsii import bucket_name_of, millis_of
from ._stream_configuration import Target, check_lifecycle
from ._streams import check_stream
from ._validation import (
    check_bool,
    check_duration,
    check_enum,
    check_integer,
    check_place,
    check_type,
    check_whole,
    is_known,
)
from .destination_path import DestinationPath
from .image_destination import check_bucket, check_bucket_region, destination_uri_of, uri_path
from .image_events import ImageEvents
from .image_format import ImageFormat, ImageSelectorType
from .image_metrics import ImageMetrics

MILLIS_PER_DAY = 24 * 60 * 60 * 1000


class ImageOptions(TypedDict, total=False):
    """The props of `ImageGeneration` that can be the same for many streams."""

    sampling_interval: Duration
    format: ImageFormat
    width_pixels: jsii.Number
    height_pixels: jsii.Number
    image_selector_type: ImageSelectorType
    enabled: bool
    removal_policy: RemovalPolicy
    revision: str


class ImageGeneration(ImageEvents, ImageMetrics):
    """Make Kinesis Video Streams extract images from a stream and deliver them to a bucket.

    The stream has the configuration while the stack has this construct. Renaming or moving the construct within
    its stack doesn't affect the configuration. Resources that its methods define, such as rules and alarms, have ids
    that follow the construct, and are replaced. Images arrive for fragments that the producer has tagged, and are
    written with the producer's permissions: grant them with `grant_put_media`. If no producer has them, a warning says
    so.

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
        The start of the images' keys, such as ``front-door/``. A slash at its start is dropped, and one is added at
        its end if there is none, in the destination, the permissions and the event filters alike. The value of a token
        is not known at synth, so text with a token is not changed: end it with a slash, and use no token that begins
        with one. A `DestinationPath` declares an existing destination exactly as it is. Default: the root of the
        bucket.
    sampling_interval
        The time between two images, in whole milliseconds, at least 200. Default: 3 seconds.
    format
        The format of the images. Default: JPEG with the service's default quality, which is 80.
    width_pixels
        The width of the images, 1 to 3840 pixels. With `height_pixels` the image is stretched to both; alone, it keeps
        the aspect ratio. Default: in proportion to the height, or the width of the video.
    height_pixels
        The height of the images, 1 to 2160 pixels. Default: in proportion to the width, or the height of the video.
    image_selector_type
        The clock that measures the sampling interval. Default: the producer's.
    enabled
        False keeps the configuration on the stream and stops the images. Default: True.
    removal_policy
        What happens to the configuration when this construct or its stack is removed: `RemovalPolicy.DESTROY` deletes
        it from the stream, unless somebody else has changed it since; `RemovalPolicy.RETAIN` leaves it, and the
        images go on; `RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE` leaves it, too, but deletes it if the creation is
        rolled back, while plain RETAIN leaves it for the next attempt to find. Default: `RemovalPolicy.DESTROY`.
    adopt_existing
        True takes over a stream that has an image generation configuration already, from another stack, another tool or
        by hand, and sets it as declared here. Otherwise such a stream is refused and nothing is touched. While it
        is True, removing this construct leaves the configuration on the stream, so set it for one deployment only.
        Default: False.
    revision
        Any text, such as a date or the number of a ticket: if it changes, the function sets the declared configuration
        again in the next deployment, for instance after somebody has changed it by hand. CloudFormation updates a
        resource only if its properties change. Default: none.

    Raises
    ------
    ValueError
        If a prop is out of its bounds, if the stream or the bucket is known to be elsewhere, if the stream keeps no
        data, or if the stream's image generation is declared already.

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
        prefix: str | DestinationPath | None = None,
        sampling_interval: Duration | None = None,
        format: ImageFormat | None = None,
        width_pixels: jsii.Number | None = None,
        height_pixels: jsii.Number | None = None,
        image_selector_type: ImageSelectorType = ImageSelectorType.PRODUCER_TIMESTAMP,
        enabled: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        adopt_existing: bool = False,
        revision: str | None = None,
    ) -> None:
        check_place(scope, construct_id)
        check_stream("stream", stream)
        request = image_request(
            sampling_interval=sampling_interval,
            format=format,
            width_pixels=width_pixels,
            height_pixels=height_pixels,
            image_selector_type=image_selector_type,
            enabled=enabled,
        )
        check_lifecycle(removal_policy, adopt_existing, revision)
        check_bucket(bucket)
        path = uri_path(prefix)
        target = Target.of(scope, stream)
        check_bucket_region(target.region, bucket)
        self._bucket = bucket
        self._prefix = path.removeprefix("/")
        self._destination_uri = destination_uri_of(bucket_name_of(bucket), path)
        self._images_per_day = most_images_per_day(request["SamplingInterval"]) if enabled else 0
        self._counter = None
        super().__init__(scope, construct_id)
        self._declare(
            IMAGE_GENERATION,
            target,
            {**request, "DestinationConfig": {"Uri": self._destination_uri, "DestinationRegion": target.here}},
            enabled=enabled,
            removal_policy=removal_policy,
            adopt_existing=adopt_existing,
            revision=revision,
        )

    @property
    def images_per_day(self) -> int | None:
        """The maximum number of images a day with this sampling interval; 0 if disabled, None if it is a token.

        It applies to a producer that tags every fragment, all day, in fragments longer than the interval. The
        documentation leaves open whether shorter fragments yield an image each, which would be up to one a second.
        """
        return self._images_per_day


def image_request(
    *,
    sampling_interval: Duration | None = None,
    format: ImageFormat | None = None,
    width_pixels: jsii.Number | None = None,
    height_pixels: jsii.Number | None = None,
    image_selector_type: ImageSelectorType = ImageSelectorType.PRODUCER_TIMESTAMP,
    enabled: bool = True,
) -> dict[str, Any]:
    """Check the image settings, and return the API's request without the destination."""
    fits = format is None or isinstance(format, ImageFormat)
    check_type("format", format, fits, "ImageFormat.jpeg() or ImageFormat.png()")
    check_integer("width_pixels", width_pixels, MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS)
    check_integer("height_pixels", height_pixels, MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS)
    check_enum("image_selector_type", image_selector_type, ImageSelectorType)
    check_bool("enabled", enabled)
    return {
        "Status": ENABLED if enabled else DISABLED,
        "ImageSelectorType": image_selector_type.value,
        "SamplingInterval": _sampling_interval_millis(sampling_interval),
        **(ImageFormat.jpeg() if format is None else format).request,
        "WidthPixels": width_pixels,
        "HeightPixels": height_pixels,
    }


def request_of_options(options: ImageOptions) -> dict[str, Any]:
    """Check the props that can be the same for many streams, and return the same as `image_request`."""
    given: dict[str, Any] = {**options}
    check_lifecycle(given.pop("removal_policy", RemovalPolicy.DESTROY), False, given.pop("revision", None))
    return image_request(**given)


def most_images_per_day(interval_millis: jsii.Number) -> int | None:
    """Divide a day by a sampling interval; None if that is a token."""
    return -(-MILLIS_PER_DAY // int(interval_millis)) if is_known(interval_millis) else None


def _sampling_interval_millis(interval: Duration | None) -> jsii.Number:
    check_duration("sampling_interval", interval, "Duration.seconds(3)")
    if interval is None:
        return DEFAULT_SAMPLING_INTERVAL_MILLIS
    millis = check_whole("sampling_interval", millis_of(interval), "milliseconds", "Duration.millis(200)")
    if is_known(millis) and not MIN_SAMPLING_INTERVAL_MILLIS <= millis <= MAX_SAMPLING_INTERVAL_MILLIS:
        raise ValueError(
            f"`sampling_interval` is {millis} ms, it must be {MIN_SAMPLING_INTERVAL_MILLIS} to "
            f"{MAX_SAMPLING_INTERVAL_MILLIS} ms"
        )
    return millis
