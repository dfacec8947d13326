"""The media plane: video in by PutMedia, and out as images, notifications, metrics, fragments and GetMedia.

What AWS documents, or what its own producers were seen to need, is done that way. What is documented nowhere, and what
is done here instead:

Fragments

- A fragment ends at its end-of-fragment tag, at the next cluster or at the end of the body. If the connection is lost
  before, nothing is kept of it.
- Tags before the first cluster, and those between an end-of-fragment tag and the next cluster, belong to the next one.
- The end-of-fragment tag counts to the ten tags of a fragment. Pairs that are sent for images and for notifications
  count twice.
- A fragment of less than a second is accepted: the documentation names no acknowledgement for it.
- A body of tags alone gets no acknowledgement. A frame without a header before it is of no track: 4010.
- A second segment, a second list of tracks, and a body that ends within an element are 4006. A producer's timestamp
  that is no date is 4007.
- Everything beyond a rate (100 Mbps, 5 fragments a second) is read later, and not refused.
- IDLE is sent every 10 seconds without data, and with the last one, after 30 seconds, the connection ends.
- After an ERROR acknowledgement the connection ends; the fragment isn't kept.
- ``x-amzn-fragment-acknowledgment-required: 0`` means no acknowledgements.
- The key of a stream is looked at when a fragment begins: it must exist, be enabled, and the producer must have
  ``kms:GenerateDataKey`` on it.

Images

- They are made of the first frame of a tagged fragment and of the first frame after each interval from there. The
  intervals begin anew with each fragment.
- The timestamp of an image, in the key and in the metadata, is that of its frame: by the producer's clock the cluster's
  timecode plus the block's, by the server's clock when the frame arrived.
- The key is the path of the destination's Uri, the prefix tag and the rest with nothing added between path and prefix.
- Of the pairs of all tags of the fragment, those become metadata whose names can be a header's; names become small
  letters, values beyond ASCII are encoded as S3 encodes them (RFC 2047).
- The object has no ACL and no encryption of its own. If the bucket's default encryption names a key, the producer must
  have ``kms:GenerateDataKey`` on it.
- They are delivered as soon as they are made. A configuration counts from the moment it is set, also for a connection
  that is open, and so does a policy. (On AWS a configuration needs a minute.)
- An image that can't be decoded or written is missing without a word. This log has a line of it.
- At most 100 fragments wait for their images; the next ones get none, and the log says so.

Notifications

- The payload has the pairs of the notification's own tags, not those of the image's.

What is kept

- Of all streams together, the newest 100 MB of fragments, in memory, for their stream's retention. A stream without
  retention keeps nothing, and GetMedia gets nothing of it.
- GetMedia and GetMediaForFragmentList give each fragment as a Matroska stream of its own, with absolute timecodes.
- GetImages makes an image of the first frame in each interval of the range.
- A metric has one data point a minute, which holds what came in it.
"""

from __future__ import annotations

from .media_plane import FAULTS, MediaPlane
from .metrics import Record

__all__ = ["FAULTS", "MediaPlane", "Record"]
