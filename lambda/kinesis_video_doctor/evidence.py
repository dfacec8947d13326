"""Whether images arrive: what is known of the newest fragments and of the images, and the one place that decides.

"Images arrive" is said if a fragment came in within the last five minutes by the service's clock and an image in
the bucket is known to be of one of the newest fragments that ask for images. The fragment number in the image's own
metadata decides; without it times do, where only one fragment fits. Fragments of the last minute may pass and never
fail: their images may still come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from kinesis_video_contract.doctor import TEST_PICTURE

from .archive import Listed, Read, TestPicturesError, Video, milliseconds
from .calls import Fact, UndecidedError, if_known, utc
from .destination import Destination, Image
from .findings import Outcome, Status, failed, passed, unknown, warned
from .stream import Stream
from .trail import Trail

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FRESH = timedelta(minutes=5)
"""Video that is older doesn't show that images arrive now."""
_A_MINUTE = timedelta(minutes=1)
_LATE = timedelta(minutes=2)
"""How late an image may be after an interval that is longer than the fragments."""
_SLACK = timedelta(seconds=5)
_LONGEST_FRAGMENT = timedelta(seconds=20)
FRAGMENT_NUMBER = "aws_kinesisvideo_fragment_number"
_NO_FRAGMENT = ""
"""The number of a test picture's fragment, which is none of the producer's."""
_MAX_HEADS = 50
"""The maximum number of images whose metadata are read."""
_S3_KNOWS = (
    "if the checks above pass, a refused upload shows in S3's own records only: 4xxErrors of the request metrics, the "
    "server access log, CloudTrail's data events of the bucket; `--send` makes sure; a consumer that deletes or moves "
    "each image has the same effect"
)


class Evidence:
    """The evidence for one stream; `rule` is the name of an EventBridge rule that matches each image, or None."""

    def __init__(
        self, stream: Stream, video: Video, destination: Destination, trail: Trail, rule: str | None = None
    ) -> None:
        self._stream = stream
        self._video = video
        self._destination = destination
        self._trail = trail
        self._rule = rule
        self._numbers: dict[str, str | None] = {}
        self._without_metadata: UndecidedError | None = None

    @property
    def own_prefixes(self) -> Sequence[str]:
        """The prefixes that the examined fragments ask for; only the empty one if none is known."""
        return if_known(lambda: self._video.media.own_prefixes, []) or [""]

    @Fact
    def outcome(self) -> Outcome:
        """Whether images arrive."""
        _ = self._stream.configuration
        try:
            fragments = self._video.fragments
        except UndecidedError as error:
            return self._not_known(f"nothing is known of the video: {error.seen}", error.fix)
        if not fragments:
            return self._not_known(
                f"no fragment has come in for {self._stream.minutes} min",
                "see the first check above that has not passed",
            )
        try:
            media = self._video.media
        except TestPicturesError as error:
            return self._not_known(error.seen, error.fix)
        except UndecidedError as error:
            return self._of_unread(fragments, error)
        asking = media.asking
        outcome = self._of_asking(asking) if asking else self._of_silent(media.fragments)
        return self._if_fresh(outcome, media.fragments[-1].listed)

    @property
    def arrive(self) -> bool:
        """Whether images arrive."""
        return if_known(lambda: self.outcome.status == Status.PASSED, False)

    def shows(self, symptom: str) -> bool:
        """Whether nothing comes in, ``fragments``, or a fragment asks for images and none arrives, ``images``."""
        if symptom == "fragments":
            return self._video.is_silent
        return if_known(lambda: self.outcome.status == Status.FAILED, False)

    @Fact
    def last(self) -> tuple[Listed, Image] | None:
        """The newest image and its fragment, where the newest fragments show no tag; None if there is none."""
        fragments = self._video.fragments
        images = self._destination.images(min(self._stream.since, *map(self._time, fragments)), None)
        # An hour can have thousands of both.
        newest = sorted(images, key=lambda image: image.delivered)[-_MAX_HEADS:]
        found, _ = self._attribute(fragments, newest, enough=1)
        return next(((self._listed(number), image) for number, image in found.items()), None)

    # Which fragments have an image

    def _of_asking(self, asking: Sequence[Read]) -> Outcome:
        """Decide by fragments that ask for images: each of their prefixes must get one."""
        outcomes = [
            self._of_prefix([one.listed for one in asking if one.own_prefix == own], own)
            for own in dict.fromkeys(fragment.own_prefix for fragment in asking)
        ]
        bad = [Status.FAILED, Status.WARNED, Status.UNKNOWN]
        worst = [outcome for status in bad for outcome in outcomes if outcome.status == status]
        return worst[0] if worst else outcomes[-1]

    def _of_prefix(self, fragments: Sequence[Listed], own: str) -> Outcome:
        settled = [fragment for fragment in fragments if not self._video.is_young(fragment)]
        deciding = [fragment for fragment in fragments if not settled or fragment.arrived >= settled[-1].arrived]
        fragment = deciding[0]
        is_long = self._stream.interval > self._length(fragment)
        since = self._time(fragment) - (self._stream.interval + _LATE if is_long else _A_MINUTE)
        images = self._destination.images(min(since, *map(self._time, deciding)), [own])
        found, is_doubtful = self._attribute(deciding, images, enough=1)
        if found:
            return self._passed(*next(iter(found.items())))
        until = _until(images)
        seen = (
            f"the fragment of {utc(self._time(fragment))} asks for images, and no image of it is in "
            f"s3://{self._destination.bucket}/{self._destination.prefix}{own}"
        )
        if not settled:
            return warned(f"{seen} yet{until}", "wait a minute, and run it again")
        latest = milliseconds(max(map(self._time, deciding)) + max(one.length for one in deciding))
        recent = [
            image.timecode
            for image in images
            if milliseconds(since) <= image.timecode <= latest and self._numbers.get(image.key) != _NO_FRAGMENT
        ]
        if is_long and recent:
            due = self._time(fragment) + timedelta(milliseconds=max(recent) - milliseconds(self._time(fragment)))
            return unknown(
                f"the sampling interval is {self._stream.interval}, so the next image is due at "
                f"{utc(due + self._stream.interval)}{until}",
                "run it again then",
            )
        if is_doubtful:
            problem = self._without_metadata
            return unknown(
                f"images lie in the bucket, and it is not known whether they are of the newest fragments{until}",
                problem.fix if problem else "run it again with --minutes 5",
            )
        changed = self._changed
        if changed and changed > fragment.arrived - _A_MINUTE:
            return warned(f"{seen}; the configuration was changed only later", "wait for newer video, and run it again")
        return self._missing(fragment, own, f"{seen}{self._last_one(own)}")

    def _missing(self, fragment: Listed, own: str, seen: str) -> Outcome:
        """Say that none arrives, unless there are signs that a consumer removes them."""
        with suppress(UndecidedError):
            if deleted := self._destination.deleted_since(self._time(fragment), fragment.arrived, own):
                return unknown(
                    f"{seen}; {deleted} images of since then were deleted, so a consumer may take them away",
                    "find out what deletes them: the images arrive if it does so after it has read them",
                )
        with suppress(UndecidedError):
            metrics = {"images": ("AWS/Events", "TriggeredRules", "RuleName", self._rule or "")}
            if self._rule and (counted := self._stream.count(metrics, fragment.arrived)["images"]):
                return unknown(
                    f"{seen}; the rule {self._rule} has counted {counted:.0f} images since then, so a consumer may "
                    "take them away",
                    "find out what deletes or moves them: the images arrive if it does so after it has read them",
                )
        return failed(seen, _S3_KNOWS)

    def _of_silent(self, read: Sequence[Read]) -> Outcome:
        """Decide by fragments without a tag: the producer tags rarely, or the archive doesn't return the tag."""
        listed = [fragment.listed for fragment in read]
        settled = [fragment for fragment in listed if not self._video.is_young(fragment)] or listed
        images = self._destination.images(min(map(self._time, listed)) - _A_MINUTE, None)
        found, _ = self._attribute(listed, images, enough=len(listed))
        if found:
            have = [fragment for fragment in listed if fragment.number in found]
            is_long = self._stream.interval > self._length(settled[-1])
            if have[-1].arrived >= settled[-1].arrived and (is_long or all(one in have for one in settled)):
                return self._passed(have[-1].number, found[have[-1].number])
            return self._not_known("the archive shows no tag, and not all of the newest fragments have an image")
        return self._of_rare(len(read))

    def _of_rare(self, read: int) -> Outcome:
        """Decide by the newest image: it counts if no later fragment asks for one."""
        seen = f"none of the last {read} fragments is known to ask for an image"
        if self.last is None:
            return self._not_known(seen, "see the first check above that has not passed")
        fragment, image = self.last
        later = self._video.later(fragment)
        if later is None:
            return self._not_known(f"{seen}, and the video since the last image is too much to read")
        media = self._video.read(later)
        if not media.fragments[0].asks:
            return self._not_known(f"{seen}, and the archive shows no tag where an image proves one")
        asking = [one for one in media.asking if one.listed != fragment]
        if asking:
            return self._of_asking(asking)
        if media.almost:
            return self._not_known(f"{seen}: they have {', '.join(map(repr, media.almost))}")
        return self._passed(
            fragment.number,
            image,
            f"the last fragment that asks for images, of {utc(self._time(fragment))}, has one: {image.uri}",
        )

    def _of_unread(self, fragments: Sequence[Listed], error: UndecidedError) -> Outcome:
        """Decide without the tags: they are not needed if each of the newest fragments has an image."""
        newest = list(fragments[-5:])
        settled = [fragment for fragment in fragments if not self._video.is_young(fragment)][-5:]
        looked_at = list(dict.fromkeys([*settled, *newest]))
        images = self._destination.images(min(map(self._time, looked_at)) - _A_MINUTE, None)
        found, _ = self._attribute(looked_at, images, enough=len(looked_at))
        if settled and all(fragment.number in found for fragment in settled):
            number = settled[-1].number
            return self._if_fresh(self._passed(number, found[number]), fragments[-1])
        return self._not_known(f"which fragments ask for images is not known: {error.seen}", error.fix)

    # The fragment of an image

    def _attribute(
        self, fragments: Sequence[Listed], images: Sequence[Image], *, enough: int
    ) -> tuple[dict[str, Image], bool]:
        """Find images of these fragments, by their numbers, until `enough` of them have one.

        The second value is whether there are images whose fragment isn't known.
        """
        found: dict[str, Image] = {}
        wanted = {fragment.number for fragment in fragments}
        doubtful = False
        # Images from before the oldest fragment can't be of any. Those whose times fit are read first.
        since = min(fragment.arrived for fragment in fragments) - _SLACK
        candidates = [(image, self._fitting(image, fragments)) for image in images if image.delivered >= since]
        candidates.sort(key=lambda candidate: (not candidate[1], -candidate[0].delivered.timestamp()))
        heads = 0
        for image, fitting in candidates:
            if len(found) >= enough:
                break
            if fitting and fitting <= found.keys():
                # A long fragment has an image each 200 ms.
                continue
            if heads == _MAX_HEADS:
                doubtful = True
                break
            heads += 1
            number = self._number(image)
            if number is None:
                of_any = self._fitting(image, self._video.fragments)
                number = of_any.pop() if len(of_any) == 1 else None
                doubtful |= len(of_any) > 1
            if number in wanted:
                found.setdefault(number, image)
        return found, doubtful

    def _number(self, image: Image) -> str | None:
        """Return the number of the image's fragment according to its metadata, or None."""
        if image.key not in self._numbers:
            self._numbers[image.key] = None
            if self._without_metadata is None:
                try:
                    metadata = self._destination.metadata(image)
                    self._numbers[image.key] = (
                        _NO_FRAGMENT if TEST_PICTURE in metadata else metadata.get(FRAGMENT_NUMBER)
                    )
                except UndecidedError as error:
                    # The next one would be refused, too.
                    self._without_metadata = error
        return self._numbers[image.key]

    def _fitting(self, image: Image, fragments: Iterable[Listed]) -> set[str]:
        """Return the numbers of the fragments to which the image can belong by its time."""
        by_producer = self._stream.by_producer
        return {one.number for one in fragments if one.has(image.timecode, image.delivered, by_producer=by_producer)}

    def _listed(self, number: str) -> Listed:
        return next(fragment for fragment in self._video.fragments if fragment.number == number)

    def _time(self, fragment: Listed) -> datetime:
        return fragment.time(by_producer=self._stream.by_producer)

    def _length(self, fragment: Listed) -> timedelta:
        """Return the length of a fragment by the clock of the sampling interval."""
        fragments = self._video.fragments
        place = fragments.index(fragment)
        pair = fragments[place : place + 2] if place + 1 < len(fragments) else fragments[max(place - 1, 0) : place + 1]
        gap = abs(self._time(pair[-1]) - self._time(pair[0]))
        if fragment.length and self._stream.by_producer:
            return fragment.length
        # A fragment of one frame has no length, and a fast upload makes fragments short by the service's clock.
        return min(gap or _LONGEST_FRAGMENT, fragment.length or _LONGEST_FRAGMENT)

    @property
    def _changed(self) -> datetime | None:
        """When the configuration was changed last; if CloudTrail has no record, when the stream was created."""
        return if_known(lambda: self._trail.changed or self._stream.info.get("CreationTime"), None)

    # Outcomes

    def _passed(self, number: str, image: Image, seen: str = "") -> Outcome:
        """Say that images arrive, unless the configuration was changed after the fragment of this one."""
        with suppress(UndecidedError):
            if (changed := self._trail.changed) and self._listed(number).arrived < changed:
                return unknown(
                    f"the configuration was changed at {utc(changed)}, after the newest fragment that has an image: "
                    f"{image.uri}",
                    "run it again when newer video has come in",
                )
        return passed(seen or f"the newest image is {ago(self._stream.now - image.delivered)} old: {image.uri}")

    def _last_one(self, own: str) -> str:
        """Say how old the last image is by the time in its key, unless that time is in the future."""
        with suppress(UndecidedError):
            images = self._destination.images(self._stream.since, [own])
            times = [_EPOCH + timedelta(milliseconds=image.timecode) for image in images]
            last = max((time for time in times if time <= self._stream.now), default=None)
            return f"; the last one is {ago(self._stream.now - last)} old" if last else ""
        return ""

    def _not_known(self, seen: str, fix: str = "") -> Outcome:
        """Say that it isn't known, and until when images arrived."""
        try:
            images = self._destination.images(self._stream.since, None)
        except UndecidedError as error:
            return unknown(seen, fix or error.fix)
        return unknown(f"{seen}{_until(images) or f'; no image of the last {self._stream.minutes} min'}", fix)

    def _if_fresh(self, outcome: Outcome, newest: Listed) -> Outcome:
        age = self._stream.now - newest.arrived
        if outcome.status != Status.PASSED or age <= FRESH:
            return outcome
        return unknown(
            f"no video has come in for {ago(age)}; images arrived until then: {outcome.seen}",
            "run it again while the producer sends",
        )


def ago(age: timedelta) -> str:
    """Write a duration in the unit that people would use."""
    seconds = max(age.total_seconds(), 0)
    if seconds < 1200:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _until(images: Sequence[Image]) -> str:
    # Not by the times in the keys, which can come from a wrong clock.
    newest = max((image.delivered for image in images), default=None)
    return f"; images arrived until {utc(newest)}" if newest else ""
