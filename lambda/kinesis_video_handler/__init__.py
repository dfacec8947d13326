"""Answer CloudFormation: its events in, calls of Kinesis Video Streams out.

A reader's path: `entry` (what Lambda calls) → `protocol` (the event and its one answer) → `watchdog` (it is in time) →
`lifecycle` (what create, update and delete mean) → the package `kinesis_video_configuration` (the calls).
"""
