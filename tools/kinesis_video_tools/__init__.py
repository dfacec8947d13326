"""Tools for Kinesis Video Streams: the command ``kinesis-video`` and what it is made of."""
