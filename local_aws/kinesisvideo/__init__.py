"""The Amazon Kinesis Video Streams control plane, as its service model describes it."""
