"""Sets the image generation configuration of a stream, and deletes it; the provider framework does the rest."""

import boto3

kinesisvideo = boto3.client("kinesisvideo")


def handler(event, context):
    properties = event["ResourceProperties"]
    if event["RequestType"] == "Delete":
        kinesisvideo.update_image_generation_configuration(StreamARN=properties["StreamARN"])
        return {}
    configuration = properties["ImageGenerationConfiguration"]
    for name in ("SamplingInterval", "WidthPixels"):
        configuration[name] = int(configuration[name])
    kinesisvideo.update_image_generation_configuration(
        StreamARN=properties["StreamARN"], ImageGenerationConfiguration=configuration
    )
    return {"PhysicalResourceId": properties["StreamARN"]}
