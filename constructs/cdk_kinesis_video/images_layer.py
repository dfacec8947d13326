"""A layer for functions that parse the keys and the metadata of images."""

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
    """Define a layer with the package ``kinesis_video_images``, for a Python function that processes images.

    The package has one file and no dependencies. A function can also use a copy of that file.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.

    Raises
    ------
    ValueError
        If the scope or the id can't be those of a construct.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        check_place(scope, construct_id)
        # Python finds packages in the folder `python` of a layer. The CDK copies the asset when the layer is defined.
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
