"""The checks, in the order of an image's path: a function each, whose parameters are the data that it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from typing import Any

from .archive import Video
from .calls import DependsError, UndecidedError, ask_each
from .destination import Destination
from .evidence import FRESH, Evidence, ago
from .findings import Outcome, Status, failed, passed, unknown, warned
from .key_use import KeyUse
from .permissions import Permissions, lacking
from .policies import Match, because_of
from .producers import Producer, Producers
from .stream import Key, Stream
from .trail import Trail

_WHAT_TO_DO = {
    "CREATING": "wait until it is ACTIVE",
    "DELETING": "it is being deleted: use another stream, or create it again when it is gone",
}
_MAX_ALIKE = 5
_H264 = ("V_MPEG4/ISO/AVC", "V_MPEG/ISO/AVC")
_VIDEO_TRACK = 1
_SMALLEST_AVCC = 7
_NAMES = {
    "V_MPEGH/ISO/HEVC": "H.265",
    "V_AV1": "AV1",
    "V_VP8": "VP8",
    "V_VP9": "VP9",
    "V_MJPEG": "Motion JPEG",
    "V_MS/VFW/FOURCC": "in the form of Video for Windows",
    "V_UNCOMPRESSED": "not compressed",
}
_OFF = timedelta(hours=1)
"""The smallest difference of a producer's clock that is reported."""


# The stream and its configuration


def stream(subject: Stream) -> Outcome:
    """Look for the stream."""
    if subject.described is None:
        if subject.arn_given and (successor := subject.successor):
            return failed(
                f"the stream {subject.name} was deleted and created again: there is no {subject.arn_given}",
                f"use its present ARN, {successor}, or its name; declare the images for it again",
            )
        return failed(
            f"there is no stream {subject.name} in {subject.known_account}, {subject.region}{_alike(subject)}",
            "give the name of a stream that exists, or another --region or --profile",
        )
    status = subject.info["Status"]
    # While it is UPDATING, for example its retention, it goes on as before.
    if status not in ("ACTIVE", "UPDATING"):
        return failed(f"the stream is {status}", _WHAT_TO_DO.get(status, "wait until it is ACTIVE"))
    return passed(f"{subject.arn} is {status}")


def _alike(subject: Stream) -> str:
    """List similar names."""
    begins = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": subject.name[:4]}
    found: list[str] = []
    with suppress(UndecidedError, KeyError):
        for parameters in {"MaxResults": 10, "StreamNameCondition": begins}, {"MaxResults": 10_000}:
            answer = subject.call("kinesisvideo:ListStreams", "list_streams", **parameters)
            found += [one["StreamName"] for one in answer["StreamInfoList"]]
    same = [name for name in found if name.lower() == subject.name.lower()]
    if same:
        return f"; there is {same[0]}, names are case-sensitive"
    close = [name for name in found if name.startswith(subject.name[:4])]
    close += get_close_matches(subject.name, found, _MAX_ALIKE)
    names = ", ".join(list(dict.fromkeys(close))[:_MAX_ALIKE])
    return f"; similar names: {names}" if names else ""


def retention(subject: Stream, video: Video) -> Outcome:
    """Look at the data retention."""
    hours = subject.retention
    if hours is None:
        with suppress(UndecidedError):
            if video.fragments:
                return passed("the stream has video in its archive")
    if not hours:
        told = "" if hours == 0 else ": DescribeStream returns no retention, as for a stream without one"
        return failed(
            f"the stream keeps no video, and only stored video yields images{told}",
            f"aws kinesisvideo update-data-retention --stream-name {subject.name} --current-version "
            f"{subject.info.get('Version', 'VERSION')} --operation INCREASE_DATA_RETENTION "
            "--data-retention-change-in-hours 1",
        )
    return passed(f"the stream keeps video for {hours} h")


def configured(subject: Stream) -> Outcome:
    """Look for the image generation configuration."""
    if subject.configured is None:
        # A stream that doesn't exist has none either, and that is another failure.
        _ = subject.info
        return failed(
            "the stream has no image generation configuration",
            "declare an ImageGeneration for it, start a pass of its fleet with `kinesis-video fleet`, or call "
            "UpdateImageGenerationConfiguration",
        )
    return passed(f"images go to {subject.configuration['DestinationConfig']['Uri']}")


def enabled(subject: Stream) -> Outcome:
    """Look whether it is switched on."""
    status = subject.configuration["Status"]
    if status != "ENABLED":
        return failed(
            f"image generation is {status}",
            "set `enabled=True`, or `Status` to ENABLED by UpdateImageGenerationConfiguration",
        )
    return passed("image generation is ENABLED")


def region(subject: Stream) -> Outcome:
    """Compare the destination's Region with the stream's."""
    found = subject.configuration["DestinationConfig"].get("DestinationRegion")
    if found is None:
        return unknown("the configuration has no Region for the destination")
    if found != subject.region:
        return failed(
            f"the destination is in {found}, and the stream in {subject.region}", f"use a bucket in {subject.region}"
        )
    return passed(f"the stream and its destination are in {found}")


# The bucket, and the keys that encrypt video and images


def bucket(destination: Destination, stream: Stream) -> Outcome:
    """Look for the bucket."""
    if not destination.is_bucket:
        return failed(
            f"the destination {destination.uri} names no bucket, which "
            "UpdateImageGenerationConfiguration doesn't report",
            "set it to one such as s3://BUCKET/front-door/",
        )
    name = destination.bucket
    try:
        found = destination.found
    except UndecidedError:
        if destination.region in (None, stream.region):
            raise
        found = {}
    if found is None:
        return failed(
            f"the bucket {name} doesn't exist, which UpdateImageGenerationConfiguration doesn't report",
            f"create it in {stream.region}, or change the destination",
        )
    region = destination.region
    if region is None:
        return unknown(f"the bucket {name} exists; its Region is not known")
    if region != stream.region:
        return failed(
            f"the bucket {name} is in {region}, and the stream in {stream.region}", f"use a bucket in {stream.region}"
        )
    return passed(f"the bucket {name} is in {region}")


def owner(destination: Destination, stream: Stream) -> Outcome:
    """Compare the bucket's account with the stream's."""
    if destination.is_foreign:
        return warned(
            f"the bucket {destination.bucket} belongs to another account than the stream, {stream.account}",
            "if it is yours, its policy must allow the producer s3:PutObject; otherwise use one of your own",
        )
    return passed(f"the bucket and the stream belong to {stream.account}")


def bucket_policy(destination: Destination, permissions: Permissions) -> Outcome:
    """Look for a Deny in the bucket's policy that covers the images."""
    if destination.policy is None:
        if destination.found is None:
            raise UndecidedError("the bucket doesn't exist, so there is nothing to check")
        return passed("the bucket has no policy")
    producers = permissions.senders_known
    whoever: Sequence[Producer | None] = producers or [None]
    judged = [
        (who, arn, permissions.judge_bucket_policy(who, arn)) for who in whoever for arn in permissions.image_arns
    ]
    surely = [one for one in judged if one[2].denies == Match.YES]
    if surely:
        producer, arn, judgement = surely[0]
        hits_all = {one[0] for one in surely} == {one[0] for one in judged}
        whom = "" if hits_all or producer is None else f" {producer.name}"
        seen = f"{_named(judgement.denying)} of the bucket's policy denies{whom} s3:PutObject on {arn}"
        fix = f"remove it, or exempt {'the' if hits_all else 'that'} producer from it: no Allow overrides it"
        return failed(seen, fix) if hits_all else warned(seen, fix, explains="images")
    perhaps = [judgement.denying for *_, judgement in judged if judgement.denies == Match.MAYBE]
    if not perhaps:
        return passed("the bucket's policy denies no image")
    name = _named(perhaps[0])
    if not producers:
        return unknown(f"{name} of the bucket's policy may deny s3:PutObject", "give the producer: --producer ARN")
    keys = list(dict.fromkeys(key for values in perhaps[0].get("Condition", {}).values() for key in values))
    return warned(
        f"{name} of the bucket's policy denies s3:PutObject, depending on {', '.join(keys) or 'who the principal is'}",
        f"exempt the producer from it{because_of(keys)}",
        explains="images",
    )


def _named(statement: Mapping[str, Any]) -> str:
    return f"the statement {statement.get('Sid') or 'without a Sid'}"


def bucket_key(destination: Destination, stream: Stream) -> Outcome:
    """Look at the key of the bucket."""
    encryption = destination.encryption
    if encryption.by_kms and encryption.key is None and destination.is_foreign:
        return failed(
            f"the bucket {destination.bucket} of another account encrypts with its account's key aws/s3, which no "
            "other account can use",
            "give the bucket a customer managed key that allows the producer, or encrypt it by SSE-S3",
        )
    return _key("the bucket", encryption.key, stream.region)


def stream_key(stream: Stream) -> Outcome:
    """Look at the key of the stream."""
    return _key("the stream", stream.key, stream.region)


def _key(whose: str, key: Key | None, region: str) -> Outcome:
    if key is None:
        return passed(f"{whose} has no key of your own")
    if key.state == "elsewhere":
        return failed(f"the key of {whose} is {key.arn}, of another Region", f"use a key in {region}")
    if key.state == "absent":
        return failed(f"the key of {whose}, {key.arn}, doesn't exist", "use a key that exists")
    if key.spec != Key.spec:
        return failed(
            f"the key of {whose}, {key.arn}, is of the type {key.spec}, with which no service encrypts data",
            "use a symmetric encryption key, the default of CreateKey",
        )
    if key.state != "Enabled":
        enable = f"aws kms enable-key --key-id {key.arn}"
        fix = {
            "Disabled": enable,
            "PendingDeletion": f"aws kms cancel-key-deletion --key-id {key.arn} && {enable}",
            "PendingReplicaDeletion": f"aws kms cancel-key-deletion --key-id {key.arn} && {enable}",
            "Creating": "wait until it is Enabled",
            "Updating": "wait until it is Enabled",
            "PendingImport": "import its key material",
        }.get(key.state, "use a key that is Enabled")
        return failed(f"the key of {whose}, {key.arn}, is {key.state}", fix)
    return passed(f"the key of {whose} is {key.arn}, and Enabled")


# The producers and their permissions: the service stores video and delivers images with them


def producer(producers: Producers, stream: Stream) -> Outcome:
    """Find out who calls PutMedia."""
    found = producers.found
    first = found.producers[0]
    if all(one.account != stream.account for one in found.producers):
        return failed(
            f"{first.arn} belongs to another account than the stream, {stream.account}, and a stream has no policy "
            "that could admit it",
            "make the producer assume a role of the stream's account",
        )
    if first.missing:
        return failed(f"{first.arn} doesn't exist", "give the ARN of the role or user that calls PutMedia")
    cut = f"; CloudTrail's history was read back to {found.cut}" if found.cut else ""
    if len(found.producers) + len(found.others) > 1:
        names = ", ".join([*(one.arn for one in found.producers), *found.others])
        not_looked_at = f"; the permissions of {len(found.others)} can't be examined" if found.others else ""
        return warned(
            f"several callers have asked for the stream's PutMedia endpoint, the most recent first: {names}"
            f"{not_looked_at}{cut}",
            "the checks below examine each of them; --producer ARN examines one",
        )
    return passed(f"{first.arn} calls PutMedia{cut}")


def may_put_media(permissions: Permissions, video: Video) -> Outcome:
    """Ask whether the producers may send video."""
    stream = permissions.stream

    def lack(who: Producer, action: str = "kinesisvideo:PutMedia") -> Outcome | None:
        decision = permissions.sending(who, action)
        if decision.allowed:
            return None
        statement = {"Effect": "Allow", "Action": action, "Resource": stream.arn}
        return failed(f"{who.arn} lacks {action} on {stream.arn}", permissions.fix(who, decision, statement))

    usable = permissions.producers.usable
    outcome = permissions.of_all(usable, lack, "may send video", "fragments")
    if outcome.status != Status.PASSED:
        return outcome
    if len(usable) == 1 and (without := lack(usable[0], "kinesisvideo:GetDataEndpoint")):
        return warned(f"{without.seen}, without which it can't find where to send", without.fix, explains="fragments")
    if video.is_silent and (without := lack(usable[0], "kinesisvideo:TagStream")):
        return warned(
            f"{without.seen}, without which AWS's C++ sample ends before it sends video; other producers don't need it",
            without.fix,
        )
    return outcome


def may_put_object(permissions: Permissions) -> Outcome:
    """Ask whether the producers may put images into the bucket, under each prefix that the fragments ask for."""

    def lack(who: Producer) -> Outcome | None:
        found, undecided = ask_each(partial(_lack_of_object, permissions, who), permissions.image_arns)
        first = next(filter(None, found), None)
        if undecided and not first:
            raise undecided
        return first

    return permissions.of_all(permissions.senders, lack, "may put images", "images")


def _lack_of_object(permissions: Permissions, who: Producer, image: str) -> Outcome | None:
    destination = permissions.destination
    decision = permissions.decide(who, "s3:PutObject", image, permissions.bucket_account)
    pattern = destination.images_pattern(permissions.own_prefixes)
    images = pattern if isinstance(pattern, str) else ", ".join(pattern)
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": pattern}
    if decision.allowed:
        if not destination.is_foreign:
            return None
        judgement = permissions.judge_bucket_policy(who, image)
        match = max(judgement.allows, judgement.delegates)
        fix = f"add to the bucket's policy: {json.dumps({**statement, 'Principal': {'AWS': who.arn}})}"
        lack = failed(f"the policy of the bucket of another account doesn't allow {who.arn} s3:PutObject", fix)
    else:
        fix = permissions.fix(who, decision, statement)
        # Without a Deny, the policy of a bucket of the same account can allow it alone.
        match = Match.NO if decision.obstacle else permissions.judge_bucket_policy(who, image).allows
        if match != Match.NO and destination.is_foreign:
            match = Match.NO
        own = image.rpartition("/")[0]
        lack = failed(f"{who.arn} lacks s3:PutObject on {images if images.startswith(own) else f'{own}/*'}", fix)
    if match == Match.MAYBE:
        raise DependsError("the bucket's policy allows s3:PutObject under a condition that can't be judged", fix)
    return lack if match == Match.NO else None


def may_use_keys(permissions: Permissions, stream: Stream) -> Outcome:
    """Ask whether the producers may use the keys of the stream and of the bucket."""

    def lack(who: Producer) -> Outcome | None:
        def of(via: str) -> Outcome | None:
            key = permissions.destination.encryption.key if via == "s3" else stream.key
            return KeyUse(permissions, who, key, via).lack() if key else None

        return lacking(*ask_each(of, ("s3", "kinesisvideo")))

    return permissions.of_all(permissions.senders, lack, "may use the keys", "images")


# The video: whether it comes in, whether it asks for images, and whether images can be made of it


def fragments(stream: Stream, video: Video) -> Outcome:
    """Look whether video comes in."""
    listed = video.fragments
    try:
        came_in, errors = video.counted["fragments"], video.counted["errors"]
    except UndecidedError as error:
        if not listed:
            raise
        return unknown(f"{len(listed)} fragments in {stream.minutes} min; {error.seen}", error.fix)
    if not listed and not came_in and not errors:
        return failed(
            f"no video has come in for {stream.minutes} min",
            "check that the producer runs, and sends to this account and Region: "
            f"{stream.account}, {stream.region}; if it sends less often, look further back with --minutes",
        )
    if not listed:
        return failed(
            f"the archive has no fragment of the last {stream.minutes} min; fragments that came in: {came_in:.0f}, "
            f"errors that the service answered with: {errors:.0f}",
            "read the ERROR acknowledgements that the producer gets: 4500 to 4506 are about the stream's key",
        )
    newest = listed[-1]
    age = stream.now - newest.arrived
    seen = f"{len(listed)} fragments in {stream.minutes} min, the newest {ago(age)} ago"
    if errors:
        return warned(
            f"{seen}; errors that the service answered with: {errors:.0f}",
            "read the ERROR acknowledgements of the producer",
        )
    if age > FRESH:
        return warned(
            f"no video has come in for {ago(age)}; before that: {len(listed)} fragments in {stream.minutes} min",
            f"check that the producer runs, and sends to this account and Region: {stream.account}, {stream.region}",
        )
    return _by_clock(stream, newest.produced - newest.arrived if newest.produced else timedelta(), seen)


def _by_clock(stream: Stream, ahead: timedelta, seen: str) -> Outcome:
    """Report a producer's clock that differs much from the service's, since its times are in the images' keys."""
    try:
        by_producer = stream.by_producer
    except UndecidedError:
        by_producer = True
    if abs(ahead) < _OFF:
        return passed(seen)
    if ahead > timedelta() and by_producer:
        return warned(
            f"{seen}; the producer's clock is {ago(ahead)} ahead of the service's, and so are the times in the keys of "
            "the images",
            "set the producer's clock, or the ImageSelectorType to SERVER_TIMESTAMP",
        )
    where = f"{ago(abs(ahead))} {'ahead of' if ahead > timedelta() else 'behind'} the service's"
    way_out = ", and SERVER_TIMESTAMP takes the service's times for the images" if by_producer else ""
    return passed(f"{seen}; the producer's times are {where}: a recording, or a wrong clock{way_out}")


def tagged(video: Video, evidence: Evidence) -> Outcome:
    """Look whether the newest fragments ask for images."""
    media = video.media
    count = len(media.fragments)
    if media.asking:
        return passed(f"{len(media.asking)} of the last {count} fragments ask for images")
    try:
        last = evidence.last
    except UndecidedError:
        last = None
    if last and not media.almost:
        # It is not documented whether the archive returns the tag. An image proves that there was one.
        return passed(f"the archive shows no tag in the last {count} fragments, and an image lies in the bucket of one")
    almost = ", ".join(map(repr, media.almost))
    instead = f"; they have {almost}, and only the exact name counts" if almost else ""
    return warned(
        f"none of the last {count} fragments has the tag AWS_KINESISVIDEO_IMAGE_GENERATION{instead}",
        "the producer must call putKinesisVideoEventMetadata(STREAM_EVENT_TYPE_IMAGE_GENERATION) after a key frame; "
        "kvssink can't, nor does GetImages need it",
    )


def codec(video: Video, evidence: Evidence) -> Outcome:
    """Look at the first track."""
    tracks = video.media.tracks
    if not tracks:
        return unknown("the archive's video has no header with its tracks")
    first = min(tracks, key=lambda track: track.number)
    if first.type != _VIDEO_TRACK:
        return failed(
            f"track {first.number} is not video but {first.codec_id}", "send the video as track 1, encoded as H.264"
        )
    if first.codec_id not in _H264:
        name = _NAMES.get(first.codec_id)
        seen = f"the video is {name} ({first.codec_id})" if name else f"the video is {first.codec_id}"
        if evidence.arrive:
            return passed(f"{seen}, and images of it arrive")
        return warned(f"{seen}, and only H.264 is certain to yield images", "encode it as H.264", explains="images")
    lack = (
        "compressed once more by Matroska"
        if first.encoded
        else "without its codec private data"
        if not first.codec_private
        # An AVCDecoderConfigurationRecord, which begins with 1 and has seven bytes and two parameter sets.
        else "with codec private data that is not in the form avcC"
        if first.codec_private[0] != 1 or len(first.codec_private) <= _SMALLEST_AVCC
        else ""
    )
    if lack and not evidence.arrive:
        return warned(
            f"track {first.number} is called H.264 and is {lack}, so it can't be decoded",
            "send the sequence and picture parameter sets as the track's CodecPrivate, in the form avcC",
            explains="images",
        )
    return passed(f"track {first.number} is H.264")


# The images, and whether it is too early to look


def recent(stream: Stream, trail: Trail) -> Outcome:
    """Look whether the configuration was changed a moment ago."""
    changed = trail.changed
    if changed is None:
        return passed(f"CloudTrail has no change of the last {stream.minutes} min; its records come some minutes late")
    age = stream.now - changed
    # Documented for a changed configuration.
    if age < timedelta(minutes=1):
        return warned(
            f"the configuration was changed {ago(age)} ago, and takes at least a minute to take effect",
            "wait a minute, and run it again",
        )
    return passed(f"the configuration was changed {ago(age)} ago")
