"""Set the image generation of all streams whose names begin alike.

A pass goes through all of them: `begin` (CloudFormation's event starts a state machine) → `planner` (lists the streams
and writes the work list) → `worker` (one batch of it, at the `pace` of the quota) → `conclusion` (counts, metrics, the
answer to CloudFormation). `entry` has what Lambda calls for these steps and for streams that were created just now.
`store` has what a pass keeps in S3. The calls are those of `kinesis_video_configuration`, the answer that of
`kinesis_video_handler`.
"""
