"""The layer with which a function reads the keys and the metadata of the images that it gets."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._assets import folder_of
from ._validation import check_place

IMAGES_PACKAGE = "kinesis_video_images"


class ImagesLayer(lambda_.LayerVersion):
    """Define a layer with the package ``kinesis_video_images``, for a Python function that images are handed to.

    The package has one file and no dependencies. A function can as well have a copy of that file.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.

    Raises
    ------
    ValueError
        If the place is none that a construct can have.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        check_place(scope, construct_id)
        # Python finds what lies in the folder `python` of a layer. CDK copies the asset when the layer is defined.
        with TemporaryDirectory() as directory:
            shutil.copytree(
                folder_of(IMAGES_PACKAGE),
                Path(directory, "python", IMAGES_PACKAGE),
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            super().__init__(
                scope,
                construct_id,
                code=lambda_.Code.from_asset(directory),
                description="Reads the keys and the metadata of images of Kinesis Video Streams",
                compatible_runtimes=[
                    lambda_.Runtime.PYTHON_3_11,
                    lambda_.Runtime.PYTHON_3_12,
                    lambda_.Runtime.PYTHON_3_13,
                    lambda_.Runtime.PYTHON_3_14,
                ],
            )
