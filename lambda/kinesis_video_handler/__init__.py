"""Answer CloudFormation: its events in, calls of Kinesis Video Streams out.

A reader's path: `entry` (what Lambda calls) → `protocol` (the event and its one answer) → `watchdog` and `gate` (it is
in time, and nothing is sent after it) → `lifecycle` (what create, update and delete mean) → `ownership` (whose stream
it is) → the package `kinesis_video_configuration` (the calls).
"""
