"""Deploys the app to an AWS on this machine, sends video to it, and looks at its images: `pytest`."""

import io

import pytest
from PIL import Image

from kinesis_video_local import Cdk, LocalAws
from kinesis_video_tools.camera import ClockVideo, fragment_tags


@pytest.fixture(scope="module")
def outputs(local_cdk: Cdk) -> dict[str, str]:
    local_cdk.deploy("app.py")
    return local_cdk.outputs("FrontDoor")


def test_the_camera_delivers_an_image_a_second(local_aws: LocalAws, outputs: dict[str, str]) -> None:
    camera = local_aws.producer("front-door", role_arn=outputs["CameraRole"], tags=fragment_tags(prefix="person"))
    report = camera.send(ClockVideo("front-door", fragment_seconds=2), fragments=3, speed=10)
    assert report.complete

    images = local_aws.images(outputs["Destination"])
    delivered = images.wait(6)
    assert [later.timecode - delivered[0].timecode for later in delivered] == [0, 1000, 2000, 3000, 4000, 5000]
    assert delivered[0].key.startswith("front-door/person_")
    assert Image.open(io.BytesIO(images.read(delivered[0]))).size == (320, 240)


def test_the_camera_may_not_read_what_it_has_sent(local_aws: LocalAws, outputs: dict[str, str]) -> None:
    bucket = outputs["Destination"].split("/")[2]
    policy = local_aws.client("iam").simulate_principal_policy(
        PolicySourceArn=outputs["CameraRole"],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=[f"arn:aws:s3:::{bucket}/front-door/image.jpg"],
    )
    decisions = {result["EvalActionName"]: result["EvalDecision"] for result in policy["EvaluationResults"]}
    assert decisions == {"s3:GetObject": "implicitDeny", "s3:PutObject": "allowed"}
