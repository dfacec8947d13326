"""Values of global condition keys, where ministack's differ from IAM's.

- `aws:PrincipalArn` of a role's session is the ARN of the role, not of the session.
- `aws:SecureTransport` is true for every request: plain HTTP on this machine stands for TLS to AWS. Otherwise, if IAM
  is enforced, a bucket that requires TLS, such as the CDK's own for assets, would refuse every request.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import iam

_PRINCIPAL_ARN = "aws:principalarn"


def install() -> None:
    """Resolve the keys as IAM does."""
    resolve = iam_evaluator._resolve_condition_key
    pin_request_origin = iam_evaluator.pin_request_origin

    def resolve_as_iam(key: str, context: Any) -> Any:
        found = resolve(key, context)
        if key.lower() != _PRINCIPAL_ARN or ":assumed-role/" not in str(found):
            return found
        role = iam._roles.get_scoped(
            context.principal_account, None, iam_evaluator._role_name_from_assumed_arn(str(found))
        )
        return role["Arn"] if role else found

    iam_evaluator._resolve_condition_key = resolve_as_iam
    for module in (app, iam_evaluator):
        module.pin_request_origin = lambda source_ip, secure_transport: pin_request_origin(source_ip, True)
