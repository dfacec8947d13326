"""Set the image generation of all streams whose names begin with a prefix.

A pass: `begin` (CloudFormation's event starts the state machine) → `planner` (lists the streams, writes the work list)
→ `worker` (one batch, at the `pace` of the quota, by the rules of `declaration`) → `conclusion` (counts each `outcome`,
publishes metrics, answers CloudFormation). `entry` is the function behind these steps, `new_streams` the one for new
streams, and `store` the bucket. The calls are those of `kinesis_video_configuration`, the answer that of
`kinesis_video_handler`.
"""
