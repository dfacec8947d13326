"""The caller that signed a request, from ministack's accounts, keys and policies."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from typing import Any
from urllib.parse import parse_qs, quote

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.core.sigv4 import decode_header_value
from ministack.services import iam, kms, s3, sns

from ..service.errors import ServiceError
from ..service.http import DeniedError


class SignedCaller:
    """The caller that signed a request. It stays usable after the request: each check uses the present policies."""

    def __init__(self, context: Context, access_key_id: str, authorization: str, service: str) -> None:
        self._context = context
        self._access_key_id = access_key_id
        self._authorization = authorization
        self._service = service
        self.account: str = context.run(responses.get_account_id)
        self.region: str = context.run(responses.get_region)

    def identity(self) -> Mapping[str, Any]:
        """Return the identity; see `Caller`."""
        # Without IAM, a caller that ministack doesn't know is allowed everything.
        known = self._context.run(iam_evaluator.resolve_caller_identity, self._access_key_id) or {}
        arn: str = known.get("userArn", f"arn:aws:iam::{self.account}:root")
        identity = {
            "type": "Root",
            "principalId": known.get("userId", self.account),
            "arn": arn,
            "accountId": self.account,
            "accessKeyId": self._access_key_id,
        }
        if ":assumed-role/" in arn:
            return {**identity, "type": "AssumedRole", "sessionContext": self._session_context(arn, known["session"])}
        if arn.endswith(":root"):
            return identity
        return {**identity, "type": "IAMUser", "userName": arn.rpartition("/")[2]}

    def authenticate(self, body: bytes) -> None:
        """Check the signature; see `Caller`."""
        if app.AUTH:
            self._context.run(iam_evaluator.pin_signed_body, body)
            self._raise(self._context.run(iam_evaluator.check_credentials, self._access_key_id, self._service))

    def check(self, action: str, resource: str) -> None:
        """Check the permission for an action on a resource; see `Caller`."""
        if not app.AUTH:
            return
        # The action's service decides which resource policies apply, such as the bucket's for s3:PutObject.
        service = action.partition(":")[0]
        arguments = self._access_key_id, action, service, self.region, resource
        denied = self._context.run(iam_evaluator.enforce, *arguments)
        self._raise(denied)
        if denied:
            raise DeniedError(
                f"User: {denied.principal_arn} is not authorized to perform: {action} on resource: {resource}"
            )

    def key_error(self, key_id: str, action: str) -> str | None:
        """Return why a key can't be used; see `Caller`."""
        if key_id.endswith("alias/aws/kinesisvideo"):
            return None
        key = self._find_key(key_id)
        if key is None:
            return "KMS_KEY_NOT_FOUND"
        if key["KeyState"] != "Enabled":
            return "KMS_KEY_DISABLED" if key["KeyState"] == "Disabled" else "KMS_KEY_INVALID_STATE"
        if key["KeyUsage"] != "ENCRYPT_DECRYPT":
            return "KMS_KEY_INVALID_USAGE"
        try:
            self.check(action, key["Arn"])
        except DeniedError:
            return "KMS_KEY_ACCESS_DENIED"
        return None

    async def put_object(self, bucket: str, key: str, headers: Mapping[str, str], body: bytes) -> None:
        """Put an object into a bucket; see `Caller`."""
        self.check("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        self._check_key_of(bucket)
        # Amazon S3 finds the caller by the signature's key.
        signed = {**headers, "authorization": self._authorization, "content-length": str(len(body))}
        request = s3.handle_request("PUT", f"/{bucket}/{key}", signed, body, {}, internal=True)
        # In a copy of the context, since a bucket of another account changes the context's account.
        status, _, answer = await asyncio.create_task(request, context=self._context.copy())
        if status != 200:
            raise ServiceError("PutObject", f"PutObject answers {status}: {answer.decode()}", status=status)

    def publish(self, topic_arn: str, subject: str, message: str) -> None:
        """Publish to a topic; see `Caller`."""
        self.check("sns:Publish", topic_arn)
        try:
            published = self._context.copy().run(sns.publish_internal, topic_arn, message, subject)
        except sns.SnsPublishError as error:
            raise ServiceError("Publish", str(error)) from error
        if published is None:
            raise ServiceError("Publish", f"The topic {topic_arn} does not exist")

    def _session_context(self, arn: str, session: Mapping[str, Any]) -> Mapping[str, Any]:
        name = arn.split("/")[1]
        # The path of the role's ARN is in the role only.
        role = self._context.run(iam._roles.get, name) or {}
        issuer = {
            "type": "Role",
            "principalId": role.get("RoleId", ""),
            "arn": role.get("Arn", f"arn:aws:iam::{self.account}:role/{name}"),
            "accountId": self.account,
            "userName": name,
        }
        issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session["IssuedAt"]))
        return {"sessionIssuer": issuer, "attributes": {"creationDate": issued, "mfaAuthenticated": "false"}}

    def _check_key_of(self, bucket: str) -> None:
        """Check the permission on the key that a bucket encrypts with, if it names one."""
        owner = self._context.run(s3._bucket_owner_account, bucket)
        with responses.request_scope(owner or self.account, self.region):
            headers = s3._bucket_default_sse_headers(bucket)
        key = self._find_key(headers.get("x-amz-server-side-encryption-aws-kms-key-id", ""))
        if key is not None:
            self.check("kms:GenerateDataKey", key["Arn"])

    def _find_key(self, key_id: str) -> Any:
        named = key_id.split(":")
        account, region = (named[4], named[3]) if key_id.startswith("arn:") else (self.account, self.region)
        with responses.request_scope(account, region):
            return kms._resolve_key(key_id)

    def _raise(self, failure: Any) -> None:
        """Raise ministack's error if the credentials are invalid."""
        if not isinstance(failure, iam_evaluator.AuthError):
            return
        status, _, body = iam_actions.access_denied_response(
            self._service, "", "", "", error_code=failure.code, message=failure.message
        )
        answer = json.loads(body)
        raise ServiceError(answer["__type"], answer["message"], status=status)


def pinned_caller(scope: Mapping[str, Any], service: str) -> SignedCaller:
    """Find out who signed a request, as ministack does before it reads the body."""
    # ministack keeps a request's caller and scope in the context.
    context = copy_context()
    access_key_id = context.run(_pin, scope, scope["headers"])
    authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    return SignedCaller(context, access_key_id, authorization, service)


def _pin(scope: Mapping[str, Any], raw_headers: Sequence[tuple[bytes, bytes]]) -> str:
    headers = {name.decode("latin-1").lower(): decode_header_value(value) for name, value in raw_headers}
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    access_key_id: str = router.extract_access_key_id(headers, query)
    responses.set_request_account_id(app._request_account_scope(access_key_id) if app.AUTH else access_key_id)
    responses.set_request_region(router.extract_region(headers, query))
    if app.AUTH:
        client = (scope.get("client") or ("127.0.0.1",))[0]
        iam_evaluator.pin_request_origin(client, scope.get("scheme") == "https")
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        iam_evaluator.pin_signed_request(scope["method"], raw_path.decode("latin-1"), query, raw_headers)
        iam_evaluator.pin_request_caller(headers, query)
    return access_key_id
