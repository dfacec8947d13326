"""The custom resource: takes CloudFormation's events, calls Kinesis Video Streams, and answers.

Read the modules in this order: `entry` (the entry point) → `protocol` (the event and its one answer) → `gate`
(the answer is in time, and nothing is sent after it) → `lifecycle` (create, update and delete) → `ownership`
(which resource holds a stream) → the package `kinesis_video_configuration` (the calls).
"""
