"""The images that have arrived in the bucket."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kinesis_video_images import ImageKey, parse_image_key

from .calls import Calls

_MAX_PAGES = 10


def newest_image(
    call: Calls, bucket: str, prefix: str, account: str, stream_name: str, since: datetime
) -> ImageKey | None:
    """Find the newest image of a stream, by the times in the keys.

    The keys of one stream and prefix sort by time, so older images aren't listed. A producer that tags with a prefix of
    its own makes other keys: for these, the first 10,000 objects of the destination are looked at.

    Parameters
    ----------
    call
        Makes the calls.
    bucket
        The bucket of the destination.
    prefix
        The prefix of the destination.
    account
        The account of the stream.
    stream_name
        The name of the stream.
    since
        Images from this time on count.

    Returns
    -------
    The newest image; None if there is none.

    Raises
    ------
    UndecidedError
        If the objects can't be listed.
    """
    milliseconds = int(since.timestamp() * 1000)
    own = f"{prefix}{account}_{stream_name}_"
    images: list[ImageKey] = []
    for start in (f"{own}{milliseconds}", None):
        page: dict[str, Any] = {"Prefix": own, "StartAfter": start} if start else {"Prefix": prefix}
        for _ in range(_MAX_PAGES):
            page = call("s3:ListBucket", "list_objects_v2", Bucket=bucket, **page)
            for entry in page.get("Contents", []):
                try:
                    image = parse_image_key(entry["Key"], account=account, stream_name=stream_name)
                except ValueError:
                    continue
                if image.timecode >= milliseconds:
                    images.append(image)
            if not page.get("NextContinuationToken"):
                break
            page = {"Prefix": page["Prefix"], "ContinuationToken": page["NextContinuationToken"]}
        if images:
            return max(images, key=lambda image: image.timecode)
    return None
