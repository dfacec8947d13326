"""The images that have arrived in the bucket."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from kinesis_video_images import ImageKey, parse_image_key

from .calls import Calls, UndecidedError

# A page has 1,000 objects: an hour's images at the shortest interval are 18.
_MAX_PAGES = 20


def newest_image(
    call: Calls, bucket: str, places: Iterable[tuple[str, str]], account: str, stream_name: str, since: datetime
) -> ImageKey | None:
    """Find the newest image of a stream, by the times in the keys.

    Parameters
    ----------
    call
        Makes the calls.
    bucket
        The bucket of the destination.
    places
        Where to look: what the keys begin with, and the key to look after. The first place that has an image counts.
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
        If the objects can't be listed, or if there are too many.
    """
    milliseconds = int(since.timestamp() * 1000)
    unseen = ""
    for prefix, after in places:
        images: list[ImageKey] = []
        page: dict[str, Any] = {"StartAfter": after}
        for _ in range(_MAX_PAGES):
            page = call("s3:ListBucket", "list_objects_v2", Bucket=bucket, Prefix=prefix, **page)
            for entry in page.get("Contents", []):
                try:
                    image = parse_image_key(entry["Key"], account=account, stream_name=stream_name)
                except ValueError:
                    continue
                if image.timecode >= milliseconds:
                    images.append(image)
            if not page.get("NextContinuationToken"):
                break
            page = {"ContinuationToken": page["NextContinuationToken"]}
        else:
            unseen = prefix
        if images:
            return max(images, key=lambda image: image.timecode)
    if unseen:
        raise UndecidedError(
            f"the first {_MAX_PAGES},000 objects under s3://{bucket}/{unseen} have no such image, and there are more"
        )
    return None
