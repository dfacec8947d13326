"""A configuration of a stream, of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnResource, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from kinesis_video_contract.configurations import (
    ADOPT_EXISTING,
    REMOVAL_POLICY,
    REVISION,
    SERVICE_TIMEOUT,
    VERIFIED,
    Feature,
)
from kinesis_video_contract.destinations import literal_in_policy

from .._grants import (
    THING_NAME,
    Statement,
    arn_for,
    check_grantee,
    combine,
    grant,
    grant_on_key,
    put_media_actions,
    thing_arn,
)
from .._jsii import account_of, partition_of
from .._streams import key_of, name_of, property_of
from .._validation import change_known, check_bool, check_removal_policy, check_text, is_known
from .declared import Declared
from .identity import Target, title_of
from .provider import SERVICE_TIMEOUT_SECONDS, provider_of
from .warnings import Warnings

DELETION_POLICIES = {
    RemovalPolicy.RETAIN: "Retain",
    RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: "RetainExceptOnCreate",
}


class StreamConfiguration(Construct):
    """The base of image generations and fragment notifications: their constructors call `_declare`."""

    _stream: IStreamRef
    _resource: CfnResource
    _warnings: Warnings

    def _declare(
        self,
        feature: Feature,
        target: Target,
        configuration: Mapping[str, Any],
        *,
        enabled: bool,
        removal_policy: RemovalPolicy,
        adopt_existing: bool,
        revision: str | None,
    ) -> None:
        _check_environment(target, feature)
        _check_data_retention(target)
        provider = provider_of(target.stack, self)
        target.claim(feature, self)
        self._stream = target.stream
        self._warnings = provider.warnings
        self._resource = CfnResource(
            self,
            "Resource",
            type=feature.resource_type,
            properties={
                "ServiceToken": provider.function_arn,
                SERVICE_TIMEOUT: SERVICE_TIMEOUT_SECONDS,
                **target.parameter,
                feature.configuration: configuration,
                # Omitted when unset, so existing templates don't change.
                ADOPT_EXISTING: adopt_existing or None,
                REVISION: revision,
                # CloudFormation ignores an update that changes nothing but a DeletionPolicy.
                REMOVAL_POLICY: DELETION_POLICIES.get(removal_policy),
            },
        )
        logical_id = target.logical_id(feature)
        self._resource.override_logical_id(logical_id)
        # The provider sets DESTROY on all resources of the stack that have no policy: saves a round trip for each.
        if removal_policy != RemovalPolicy.DESTROY:
            self._resource.apply_removal_policy(removal_policy)
        provider.declared.append(Declared(self, feature, target.stream, self._resource, logical_id, configuration))
        if enabled:
            self._warnings.expect_producer(self._resource)

    @property
    def verified(self) -> str:
        """``true`` if the stream, read back at the last deployment, was as declared here; otherwise ``false``.

        A token, for an output of the stack. The function's log says which fields differ.
        """
        return self._resource.get_att(VERIFIED).to_string()

    def _check_grant(self, grantee: Any, by_thing_name: Any) -> None:
        check_grantee("grantee", grantee)
        check_bool("by_thing_name", by_thing_name)

    def _grant_stream(
        self, grantee: iam.IGrantable, key_actions: tuple[str, ...], *, by_thing_name: bool, tag_stream: bool
    ) -> iam.Grant:
        arn = thing_arn(self) if by_thing_name else arn_for(grantee, self._stream)
        on_stream = grant(self, grantee, Statement(put_media_actions(tag_stream), (arn,)))
        self._warnings.found_producer(self._resource)
        return combine(on_stream, grant_on_key(self, grantee, key_actions, key_of(self, self._stream)))

    def _by_thing_name(self, prefix: str) -> str:
        """Write a prefix for IAM, with the policy variable for the thing's name instead of the stream's name."""
        name = self._stream_name_as_declared()
        folders = prefix.split("/")
        if name not in folders[:-1]:
            raise ValueError(
                f"`prefix` is {prefix!r}, it must have the stream's name {name!r} as a folder when `by_thing_name` is "
                f"True, or each thing could overwrite the images of all, use a prefix such as '{name}/'"
            )
        return "/".join(THING_NAME if folder == name else change_known(folder, literal_in_policy) for folder in folders)

    def _stream_name_as_declared(self) -> str:
        name = name_of(self._stream)
        if not is_known(name):
            raise ValueError(
                "`by_thing_name` is True and the stream's name is not known here, give the stream the name of its thing"
            )
        return name


def check_lifecycle(removal_policy: Any, adopt_existing: Any, revision: Any) -> None:
    """Check the props for the lifetime of the configuration and for setting it again."""
    check_removal_policy(removal_policy)
    check_bool("adopt_existing", adopt_existing)
    check_text("revision", revision, "2026-11-21")


def _check_environment(target: Target, feature: Feature) -> None:
    """Check that the stream is in the account and Region of the stack that declares its configuration."""
    if target.home is target.stack:
        return
    units = (
        ("", target.here, target.region),
        ("account ", account_of(target.stack), target.account),
        ("partition ", partition_of(target.here), target.partition),
    )
    for unit, here, of_stream in units:
        if of_stream and here and is_known(of_stream) and is_known(here) and of_stream != here:
            raise ValueError(
                f"`stream` is in {unit}{of_stream} and this stack in {unit}{here}, declare its "
                f"{title_of(feature)} in a stack in {unit}{of_stream}"
            )


def _check_data_retention(target: Target) -> None:
    resource = target.resource or target.origin
    if resource is None:
        return
    # A VideoStream is checked as well, as its L1 may have been changed.
    hours = property_of(resource, "data_retention_in_hours")
    if not hours:
        given = "unset, which is 0" if hours is None else "0"
        raise ValueError(
            f"`stream` keeps no data: its data retention is {given}, it must be at least 1 hour, set "
            "`data_retention_in_hours` of the stream"
        )
