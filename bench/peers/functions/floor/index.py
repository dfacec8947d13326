"""The least that a function in Python must do to configure a stream: import boto3, make the client, one call."""

import boto3

kinesisvideo = boto3.client("kinesisvideo")


def handler(event, context):
    kinesisvideo.describe_image_generation_configuration(StreamARN=event["StreamARN"])
