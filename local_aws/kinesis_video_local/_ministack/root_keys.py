"""Makes the keys of the root user and of functions secret if IAM is enforced, and checks their signatures.

ministack accepts `test`, a missing key and any account's number as the root user's key without checking the signature,
and derives a function's keys from its ARN. Every program on the machine knows these.

- The root user has the keys of the process's environment. The number of another account is the key of its root user,
  with the same secret.
- An unsigned request has no caller, even for a public bucket.
"""

from __future__ import annotations

import base64
import hmac
import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import fromstring

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.sigv4 import decode_header_value
from ministack.services import appsync_events, ecr, s3, sts

_UNSIGNED = iam_evaluator.AuthError("MissingAuthenticationToken", "Missing Authentication Token")
# Whoever has a presigned URL could add one, such as x-amz-copy-source, which makes an upload a copy of another object.
_NOT_SIGNED = iam_evaluator.AuthError("AccessDenied", "There were headers present in the request which were not signed")


def install() -> None:
    """Require the keys for the root user, if IAM is enforced."""
    if not app.AUTH:
        return
    root, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    authenticate, enforce = iam_evaluator.authenticate, iam_evaluator.enforce
    authenticate_handshake = iam_evaluator.authenticate_handshake
    s3_scope_failure, pin = iam_evaluator._s3_scope_failure, iam_evaluator.pin_signed_request

    def pin_with_headers(method: str, raw_path: str, query: Any, raw_headers: Any, handshake: bool = False) -> None:
        pin(method, raw_path, query, raw_headers, handshake)
        # A form or a header could name another operation than the link.
        iam_evaluator._anonymous.set(iam_evaluator._anonymous.get() and method == "GET")
        request = iam_evaluator._signed_request.get()
        if request is not None and request.s3_scoped:
            headers = {name.decode("latin-1").lower(): decode_header_value(value) for name, value in raw_headers}
            iam_evaluator._signed_request.set(replace(request, headers=headers))

    def is_root_access_key(access_key_id: str) -> bool:
        return access_key_id == root or bool(iam_evaluator._ACCOUNT_ID_RE.fullmatch(access_key_id or ""))

    def authenticate_all(access_key_id: str, account_id: str) -> Any:
        request = iam_evaluator._signed_request.get()
        checked = authenticate(access_key_id, account_id)
        in_query = request is not None and (request.presigned or request.sigv2)
        if isinstance(checked, iam_evaluator.ResolvedCredential) and in_query and _adds_headers(request):
            return _NOT_SIGNED
        # Without a signature, ministack would identify the caller by the name of the key alone.
        if checked is None and iam_evaluator._verified_key.get() != access_key_id:
            return _UNSIGNED
        return checked

    def s3_scope(service: str | None) -> Any:
        request = iam_evaluator._signed_request.get()
        failure = s3_scope_failure(service)
        if failure is None and request is not None and request.s3_scoped:
            # Only the operations on objects and buckets would check it, and not those of access points.
            refused = s3._verify_presigned_sigv4(
                request.method, unquote(request.raw_path), request.headers, request.query_params
            )
            if refused is not None:
                error = fromstring(refused[2])
                return iam_evaluator.AuthError(error.findtext("Code", ""), error.findtext("Message", ""))
            if _adds_headers(request):
                return _NOT_SIGNED
            iam_evaluator._verified_key.set(request.access_key_id)
        return failure

    def enforce_all(access_key_id: str, action: str, service: str, *more: Any, **named: Any) -> Any:
        # Links, whose token or ARN is a secret.
        if not access_key_id and iam_evaluator._anonymous.get() and action in iam_evaluator._UNSIGNED_LINK_ACTIONS:
            return None
        if not access_key_id and iam_evaluator._signed_request.get() is None:
            return _UNSIGNED
        return enforce(access_key_id, action, service, *more, **named)

    iam_evaluator.is_root_access_key = sts.is_root_access_key = is_root_access_key
    # ministack doesn't check the signatures of root keys.
    iam_evaluator._is_root_key = lambda _access_key_id: False
    iam_evaluator.authenticate = authenticate_all
    # An unsigned websocket to the device gateway of AWS IoT would read and publish every message.
    iam_evaluator.authenticate_handshake = lambda *request: authenticate_handshake(*request) or _UNSIGNED
    iam_evaluator._s3_scope_failure = s3_scope
    app.pin_signed_request = iam_evaluator.pin_signed_request = pin_with_headers
    iam_evaluator.enforce = enforce_all
    # That module hashes only a function's ARN, to derive the function's keys.
    lambda_runtime.hashlib = SimpleNamespace(sha256=lambda known: hmac.new(secret, known, "sha256"))
    _guard_registry(secret)
    accept = appsync_events._modes_accept

    def accept_verified(api_id: str, modes: set[str], shown: Any) -> Any:
        # Nobody checks the signature or the token in a message of a websocket.
        return accept(api_id, modes if iam_evaluator._verified_key.get() else modes & {"API_KEY"}, shown)

    appsync_events._modes_accept = accept_verified


def _adds_headers(request: Any) -> bool:
    """Return whether a request has headers of AWS that its signature in the query doesn't cover."""
    covered = {"x-amz-content-sha256", "x-amz-security-token"}
    if request.sigv2:
        # This one covers headers and not the parameters that ministack takes for headers.
        covered |= set(request.headers)
        names = request.query_params
    else:
        covered |= set(iam_evaluator._query_value(request.query_params, "X-Amz-SignedHeaders").lower().split(";"))
        names = request.headers
    return any(name.lower().startswith("x-amz-") and name.lower() not in covered for name in names)


def _guard_registry(secret: bytes) -> None:
    """Require the token of GetAuthorizationToken for images of containers, which everybody could pull and push."""
    token = base64.b64encode(f"AWS:{hmac.new(secret, b'registry', 'sha256').hexdigest()}".encode()).decode()
    answer, get_token = ecr.handle_registry_request, ecr._get_authorization_token

    def get_own_token(data: Any) -> Any:
        status, headers, body = get_token(data)
        return status, headers, body.replace(base64.b64encode(b"AWS:ministack-auth-token"), token.encode())

    async def answer_with_token(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        if not hmac.compare_digest(headers.get("authorization", "").encode(), f"Basic {token}".encode()):
            return 401, {"WWW-Authenticate": 'Basic realm="registry"', "Content-Type": "text/plain"}, b"Unauthorized"
        return await answer(method, path, headers, body, query)

    ecr.handle_registry_request, ecr._get_authorization_token = answer_with_token, get_own_token
