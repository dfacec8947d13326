"""Image generation for every stream of an app, as a mixin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Unpack

from aws_cdk import Mixin
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from kinesis_video_contract.configurations import IMAGE_GENERATION

from ._grants import check_grantee
from ._stream_configuration import is_claimed
from ._streams import check_stream_name, name_of
from ._validation import check_bool, check_list, check_options, check_type, is_known
from .image_destination import check_bucket, key_prefix
from .image_generation import ImageGeneration, ImageOptions, request_of_options

_HEX_DIGITS = 4


class ImageDelivery(Mixin):
    """Deliver the images of each stream that this is applied to, each stream's to its own prefix.

    With ``delivery = ImageDelivery(bucket=bucket)``, ``stream.with_(delivery)`` applies it to one stream and
    ``Mixins.of(app).apply(delivery)`` to all streams that the app has so far. The prefix of a stream is its name. A
    stream whose `ImageGeneration` is declared already keeps it.

    Parameters
    ----------
    bucket
        The bucket that the images are delivered to, in the streams' Region.
    prefix
        The start of all streams' prefixes, such as ``cameras/``. A slash is added after it, also after a token, so the
        token's value must neither begin nor end with one. Default: nothing.
    hex_prefix
        True puts four hexadecimal digits before each stream's prefix, different for each stream and always the same
        for one. S3 scales by prefix, with 3,500 images a second each, and names that begin alike share one.
        Default: False.
    producer
        The role or user that sends the video of all these streams. It is granted `ImageGeneration.grant_put_media`.
        Default: none, and each stream has a warning until `grant_put_media` is called.
    by_thing_name
        True if `producer` is the role of an IoT role alias whose things have the names of their streams, see
        `ImageGeneration.grant_put_media`. It excludes `hex_prefix`, which a policy can't compute. Default: False.
    tag_stream
        True if `producer` tags its streams, as AWS's C++ producer does, see `ImageGeneration.grant_put_media`. Default:
        False.
    adopt_existing
        The names of the streams whose image generation is taken over if they have one already, see `ImageGeneration`.
        A stream whose name CloudFormation generates can't be listed. Default: none.
    options
        The props of `ImageGeneration` that are the same for each stream, from `sampling_interval` to `removal_policy`,
        and `revision`.

    Raises
    ------
    TypeError
        If there is no such prop.
    ValueError
        If a prop is out of its bounds, if `by_thing_name` or `tag_stream` is given without `producer`, or
        `by_thing_name` with `hex_prefix`; and when it is applied, the errors of `ImageGeneration`.

    See Also
    --------
    https://docs.aws.amazon.com/cdk/v2/guide/mixins.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
    """

    def __init__(
        self,
        *,
        bucket: s3.IBucket,
        prefix: str | None = None,
        hex_prefix: bool = False,
        producer: iam.IGrantable | None = None,
        by_thing_name: bool = False,
        tag_stream: bool = False,
        adopt_existing: Sequence[str] = (),
        **options: Unpack[ImageOptions],
    ) -> None:
        check_options("ImageDelivery", options, ImageOptions)
        request_of_options(options)
        check_bucket(bucket)
        check_bool("hex_prefix", hex_prefix)
        check_bool("by_thing_name", by_thing_name)
        check_bool("tag_stream", tag_stream)
        check_list("adopt_existing", adopt_existing, "stream names such as ['front-door']")
        for name in adopt_existing:
            check_stream_name("adopt_existing", name)
        if producer is not None:
            check_grantee("producer", producer)
        if by_thing_name and producer is None:
            raise ValueError("`by_thing_name` is True without `producer`, pass the role of the IoT role alias")
        if tag_stream and producer is None:
            raise ValueError("`tag_stream` is True without `producer`, pass the role that sends the video")
        if by_thing_name and hex_prefix:
            raise ValueError("`by_thing_name` and `hex_prefix` are both True, leave one of the two out")
        super().__init__()
        self._bucket = bucket
        self._prefix = key_prefix(prefix).removesuffix("/")
        self._hex_prefix = hex_prefix
        self._producer = producer
        self._by_thing_name = by_thing_name
        self._tag_stream = tag_stream
        self._adopt_existing = frozenset(adopt_existing)
        self._options = options
        self._image_generations: list[ImageGeneration] = []

    @property
    def image_generations(self) -> Sequence[ImageGeneration]:
        """The image generations declared so far, one for each stream, for their events, metrics and alarms."""
        return tuple(self._image_generations)

    def supports(self, construct: IConstruct) -> bool:
        """Return whether it applies: to each `CfnStream`, including the one in each `VideoStream`."""
        return isinstance(construct, kinesisvideo.CfnStream) and not is_claimed(construct, IMAGE_GENERATION)

    def apply_to(self, construct: IConstruct) -> None:
        """Declare the images of a stream."""
        check_type("construct", construct, isinstance(construct, kinesisvideo.CfnStream), "a CfnStream")
        assert isinstance(construct, kinesisvideo.CfnStream)
        images = ImageGeneration(
            construct,
            "ImageGeneration",
            stream=construct,
            bucket=self._bucket,
            prefix=self._prefix_of(construct),
            adopt_existing=bool(self._adopt_existing) and name_of(construct) in self._adopt_existing,
            **self._options,
        )
        if self._producer is not None:
            images.grant_put_media(self._producer, by_thing_name=self._by_thing_name, tag_stream=self._tag_stream)
        self._image_generations.append(images)

    def _prefix_of(self, stream: kinesisvideo.CfnStream) -> str:
        name = name_of(stream)
        folders = [self._prefix, name]
        if self._hex_prefix:
            # The path replaces a name that CloudFormation generates; moving such a stream replaces it anyway.
            known = name if is_known(name) else stream.node.path
            folders.insert(0, hashlib.sha256(known.encode()).hexdigest()[:_HEX_DIGITS])
        return "".join(f"{folder}/" for folder in folders if folder)
