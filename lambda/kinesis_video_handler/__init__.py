"""The Lambda function behind the constructs: CloudFormation events in, Kinesis Video Streams calls out.

A reader's path: `entry` (what Lambda calls) → `protocol` (the event and its one answer) → `lifecycle` (what create,
update and delete mean) → `properties` (parsing) → `service` (the API calls) → `retries` (when to call again).
"""
