"""The bounds and the values of how images are made.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationConfiguration.html
"""

from __future__ import annotations

STATUSES = (ENABLED, DISABLED) = ("ENABLED", "DISABLED")
IMAGE_SELECTOR_TYPES = (PRODUCER_TIMESTAMP, SERVER_TIMESTAMP) = ("PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP")
FORMATS = (JPEG, PNG) = ("JPEG", "PNG")

# The bounds of the interval are in the API's documentation only; its integer has 32 bits.
MIN_SAMPLING_INTERVAL_MILLIS, MAX_SAMPLING_INTERVAL_MILLIS = 200, 2**31 - 1
DEFAULT_SAMPLING_INTERVAL_MILLIS = 3000
MIN_JPEG_QUALITY, MAX_JPEG_QUALITY = 1, 100
MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS = 1, 3840
MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS = 1, 2160
