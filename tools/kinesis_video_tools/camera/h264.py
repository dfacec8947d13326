"""H.264 without an encoder: macroblocks are sent as they are (I_PCM) or skipped.

Constrained Baseline, so that every decoder accepts it, and lossless, so that a test finds each pixel as it was drawn.
See ITU-T H.264, https://www.itu.int/rec/T-REC-H.264: 7.3 is the syntax, 9.1 the numbers of variable length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MACROBLOCK = 16
"""The width and the height of a macroblock, in pixels."""

_AUD, _SPS, _PPS, _IDR_SLICE, _SLICE = 0x09, 0x67, 0x68, 0x65, 0x21
_FRAME_NUM_BITS = 16
# The most macroblocks of a picture at the levels 3.1 and 4.0 (table A-1).
_LEVELS = ((3600, 31), (8192, 40))


class Encoder:
    """Encodes pictures as H.264 with NAL units whose lengths have 4 bytes, as in Matroska.

    A picture is a list of macroblocks, row by row. A macroblock has 384 bytes: 256 of luma, 64 of Cb and 64 of Cr, row
    by row. Bytes from 16 to 240 need no escape.

    Parameters
    ----------
    width
        The width in pixels, a multiple of 16.
    height
        The height in pixels, a multiple of 16. A picture has at most 8,192 macroblocks; 1920x1088 pixels
        need 8,160.

    Raises
    ------
    ValueError
        If the size can't be encoded.
    """

    def __init__(self, width: int, height: int) -> None:
        columns, rows = width // MACROBLOCK, height // MACROBLOCK
        level = next((level for most, level in _LEVELS if columns * rows <= most), None)
        if width % MACROBLOCK or height % MACROBLOCK or min(columns, rows) < 1 or level is None:
            raise ValueError(
                f"a picture has {width}x{height} pixels, and width and height must be multiples of 16 that make at "
                "most 8192 macroblocks of 16x16; use another size, such as 320x240"
            )
        profile = bytes([66, 0xC0, level])
        # frame_num of 16 bits, output in the order of decoding, one reference, frames only, no cropping, no VUI.
        sps = _ue(0) + _ue(_FRAME_NUM_BITS - 4) + _ue(2) + _ue(1) + "0" + _ue(columns - 1) + _ue(rows - 1) + "11" + "00"
        # CAVLC, one slice group, one reference; the slices say that no edge is smoothed.
        pps = _ue(0) + _ue(0) + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + _ue(0) * 3 + "100"
        self._sps = _nal(_SPS, profile + _trailing(sps))
        self._pps = _nal(_PPS, _trailing(pps))
        self._picture: Sequence[bytes] = ()
        self._frame_num = 0
        self._idr_pic_id = 0

    @property
    def codec_private(self) -> bytes:
        """The ``avcC`` record."""
        head = b"\x01" + self._sps[1:4] + b"\xff"
        return head + b"\xe1" + _length(self._sps, 2) + self._sps + b"\x01" + _length(self._pps, 2) + self._pps

    def encode_key_picture(self, macroblocks: Sequence[bytes]) -> bytes:
        """Encode a whole picture, with which a decoder can begin."""
        self._frame_num = 0
        self._idr_pic_id ^= 1
        # slice_type 7: all slices of the picture are I.
        header = _ue(0) + _ue(7) + _ue(0) + "0" * _FRAME_NUM_BITS + _ue(self._idr_pic_id) + "00" + _END_OF_SLICE_HEADER
        # The samples begin at a whole byte, so every macroblock after the first begins at one.
        data = _aligned(header + _I_PCM) + _aligned(_I_PCM).join(macroblocks) + b"\x80"
        self._picture = macroblocks
        return _access_unit(_nal(_AUD, b"\x10"), self._sps, self._pps, _nal(_IDR_SLICE, data))

    def encode_picture(self, macroblocks: Sequence[bytes]) -> bytes:
        """Encode the difference from the previous picture; the rest is skipped."""
        self._frame_num = (self._frame_num + 1) % (1 << _FRAME_NUM_BITS)
        # slice_type 5: all slices of the picture are P.
        bits = _ue(0) + _ue(5) + _ue(0) + f"{self._frame_num:0{_FRAME_NUM_BITS}b}" + "00" + "0" + _END_OF_SLICE_HEADER
        data, skipped = b"", 0
        for old, new in zip(self._picture, macroblocks, strict=True):
            if old == new:
                skipped += 1
            else:
                data += _aligned(bits + _ue(skipped) + _I_PCM_IN_P) + new
                bits, skipped = "", 0
        data += _trailing(bits + (_ue(skipped) if skipped else ""))
        self._picture = macroblocks
        return _access_unit(_nal(_AUD, b"\x30"), _nal(_SLICE, data))


def _ue(number: int) -> str:
    """Write a number in Exp-Golomb code."""
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


_I_PCM = _ue(25)
_I_PCM_IN_P = _ue(5 + 25)
# slice_qp_delta 0, and disable_deblocking_filter_idc 1.
_END_OF_SLICE_HEADER = _ue(0) + _ue(1)


def _aligned(bits: str) -> bytes:
    length = (len(bits) + 7) // 8
    return int(bits.ljust(length * 8, "0"), 2).to_bytes(length)


def _trailing(bits: str) -> bytes:
    return _aligned(bits + "1")


def _nal(header: int, payload: bytes) -> bytes:
    return bytes([header]) + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def _access_unit(*nals: bytes) -> bytes:
    return b"".join(_length(nal, 4) + nal for nal in nals)


def _length(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size)
