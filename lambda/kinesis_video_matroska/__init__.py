"""Reads and writes Matroska as Kinesis Video Streams accepts it, with the standard library alone.

`Reader` turns bytes in pieces of any size into elements, `FragmentCollector` turns elements into fragments, and the
functions `write_...` write the layout that AWS's C producer sends.
"""

from .fragments import Fragment, FragmentCollector, TagName
from .model import Cluster, Element, Frame, Segment, SimpleTag, Tags, Track, Tracks
from .reader import ElementTooLargeError, MatroskaError, Reader
from .writer import write_cluster, write_frame, write_header, write_tags

__all__ = [
    "Cluster",
    "Element",
    "ElementTooLargeError",
    "Fragment",
    "FragmentCollector",
    "Frame",
    "MatroskaError",
    "Reader",
    "Segment",
    "SimpleTag",
    "TagName",
    "Tags",
    "Track",
    "Tracks",
    "write_cluster",
    "write_frame",
    "write_header",
    "write_tags",
]
