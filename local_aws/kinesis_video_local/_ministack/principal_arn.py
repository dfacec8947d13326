"""`aws:PrincipalArn` of a role's session is the ARN of the role, and not that of the session.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

_KEY = "aws:principalarn"


def install() -> None:
    """Resolve the key as IAM does."""
    resolve = iam_evaluator._resolve_condition_key

    def resolve_as_iam(key: str, context: Any) -> Any:
        found = resolve(key, context)
        if key.lower() != _KEY or ":assumed-role/" not in str(found):
            return found
        role = iam._roles.get_scoped(
            context.principal_account, None, iam_evaluator._role_name_from_assumed_arn(str(found))
        )
        return role["Arn"] if role else found

    iam_evaluator._resolve_condition_key = resolve_as_iam
