"""Sets the image generation configuration of a stream, and deletes it; crhelper does the rest."""

import boto3
from crhelper import CfnResource

helper = CfnResource()

try:
    kinesisvideo = boto3.client("kinesisvideo")
except Exception as error:
    helper.init_failure(error)


@helper.create
@helper.update
def configure(event, context):
    properties = event["ResourceProperties"]
    configuration = properties["ImageGenerationConfiguration"]
    for name in ("SamplingInterval", "WidthPixels"):
        configuration[name] = int(configuration[name])
    kinesisvideo.update_image_generation_configuration(
        StreamARN=properties["StreamARN"], ImageGenerationConfiguration=configuration
    )
    return properties["StreamARN"]


@helper.delete
def delete(event, context):
    kinesisvideo.update_image_generation_configuration(StreamARN=event["ResourceProperties"]["StreamARN"])


def handler(event, context):
    helper(event, context)
