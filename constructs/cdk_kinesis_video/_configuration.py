"""What the configurations of a stream have in common: one custom resource, identified by the stream and the kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Annotations, CfnResource, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from constructs import Construct

from ._grants import (
    NO_UPLOADER,
    PUT_MEDIA_ACTIONS,
    THING_NAME,
    combine,
    grant_on_key,
    grant_on_stream,
    key_of,
    thing_arn,
)
from ._identity import Target, claim, name_of
from ._provider import SERVICE_TIMEOUT_SECONDS, provider_of
from ._validation import check_type, has, is_known


def check_configuration_props(stream: Any, enabled: Any, removal_policy: Any) -> None:
    """Check the props that each kind of configuration has."""
    check_type("stream", stream, has(stream, "stream_ref"), "a VideoStream or a CfnStream")
    check_type("enabled", enabled, isinstance(enabled, bool), "True or False")
    check_type(
        "removal_policy",
        removal_policy,
        removal_policy in (RemovalPolicy.DESTROY, RemovalPolicy.RETAIN),
        "RemovalPolicy.DESTROY or RemovalPolicy.RETAIN",
    )


class StreamConfiguration(Construct):
    """A configuration of a stream."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        kind: str,
        target: Target,
        configuration: Mapping[str, Any],
        enabled: bool,
        removal_policy: RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        _check_region(target, kind)
        _check_data_retention(target.resource)
        provider = provider_of(target.stack)
        claim(self, provider, target, kind)
        self._stream = target.stream
        self._resource = CfnResource(
            self,
            "Resource",
            type=f"Custom::KinesisVideo{kind}",
            properties={
                "ServiceToken": provider.service_token,
                "ServiceTimeout": SERVICE_TIMEOUT_SECONDS,
                **target.parameter,
                **configuration,
            },
        )
        self._resource.override_logical_id(target.logical_id(kind))
        self._resource.apply_removal_policy(removal_policy)
        if enabled:
            Annotations.of(self).add_warning_v2(
                NO_UPLOADER,
                "nobody was allowed to deliver: Kinesis Video Streams delivers with the rights of the producer and "
                "without them delivers nothing and says nothing; call grant_put_media() with the producer's role, or "
                "acknowledge this if its rights are declared elsewhere",
            )

    @property
    def verified(self) -> str:
        """``true`` if the stream, read back at the last deployment, had what is declared here; otherwise ``false``.

        A token, for an output of the stack. The function's log says which fields differ.
        """
        return self._resource.get_att("Verified").to_string()

    def _grant_stream(
        self, grantee: iam.IGrantable, key_actions: tuple[str, ...], by_thing_name: bool = False
    ) -> iam.Grant:
        arn = thing_arn(self) if by_thing_name else None
        grant = grant_on_stream(self, grantee, PUT_MEDIA_ACTIONS, self._stream, arn)
        grant = combine(grant, grant_on_key(self, grantee, key_actions, key_of(self, self._stream)))
        Annotations.of(self).acknowledge_warning(NO_UPLOADER)
        return grant

    def _by_thing_name(self, prefix: str) -> str:
        """Put the thing's name in the place of the stream's in a prefix."""
        name = self._stream_name_as_declared()
        folders = prefix.split("/")
        if name not in folders[:-1]:
            raise ValueError(
                f"`prefix` is {prefix!r}, it must have the stream's name {name!r} as a folder when `by_thing_name` is "
                f"True, or each thing could overwrite the images of all, take a prefix such as '{name}/'"
            )
        return "/".join(THING_NAME if folder == name else folder for folder in folders)

    def _stream_name_as_declared(self) -> str:
        name = name_of(self._stream)
        if not is_known(name):
            raise ValueError(
                "`by_thing_name` is True and the stream's name is not known here, name the stream like its thing"
            )
        return name


_WHAT_IS_DECLARED = {"ImageGeneration": "image generation", "FragmentNotification": "fragment notification"}


def _check_region(target: Target, kind: str) -> None:
    here, of_stream = target.here, target.region
    if is_known(of_stream) and is_known(here) and of_stream != here:
        raise ValueError(
            f"`stream` is in {of_stream} and this stack in {here}, declare its {_WHAT_IS_DECLARED[kind]} in a stack in "
            f"{of_stream}"
        )


def _check_data_retention(resource: kinesisvideo.CfnStream | None) -> None:
    if resource is None:
        return
    # Of a VideoStream, too: its L1 may have been changed since.
    hours = resource.data_retention_in_hours
    if not hours:
        given = "unset, which is 0" if hours is None else "0"
        raise ValueError(
            f"`stream` keeps no data: its data retention is {given}, it must be at least 1 hour, set "
            "`data_retention_in_hours` of the stream"
        )
