"""The tools by their names, for those who need not import AWS CDK to name them."""

OURS = "cdk-kinesis-video"
AWS_CUSTOM_RESOURCE = "AwsCustomResource"
PROVIDER_FRAMEWORK = "provider framework"
CRHELPER = "crhelper"

TOOLS = (OURS, AWS_CUSTOM_RESOURCE, PROVIDER_FRAMEWORK, CRHELPER)
