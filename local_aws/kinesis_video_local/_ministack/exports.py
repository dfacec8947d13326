"""Exports as in CloudFormation: an export in use can't be changed or removed, and names are unique.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import _exports, _stacks, handlers, helpers, stacks

# A stack with one of these statuses has no resources, so it imports nothing.
_WITHOUT_RESOURCES = ("DELETE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")


def install() -> None:
    """Check the exports of a stack when its outputs are known, and before it is deleted."""
    resolve_stack_outputs = stacks._resolve_stack_outputs
    delete_stack = handlers._ACTION_HANDLERS["DeleteStack"]

    def resolve(*arguments: Any) -> Any:
        outputs, exports = resolve_stack_outputs(*arguments)
        stack_id: str = arguments[-1]
        for name in exports:
            owner = (_exports.get(name) or {}).get("StackId", stack_id)
            if owner != stack_id:
                raise ValueError(f"Export with name {name} is already exported by stack {owner.split('/')[1]}")
        before = {name: export["Value"] for name, export in _exports.items() if export["StackId"] == stack_id}
        for name, value in before.items():
            if name not in exports:
                _refuse_if_imported(name, "deleted")
            elif exports[name]["Value"] != value:
                _refuse_if_imported(name, "updated")
        # ministack never removes an export.
        for name in set(before) - set(exports):
            _exports.pop(name, None)
        return outputs, exports

    def delete(params: Any) -> Any:
        stack = handlers._resolve_stack(helpers._p(params, "StackName"))
        try:
            for output in stack.get("Outputs", []) if stack else ():
                if export := output.get("ExportName"):
                    _refuse_if_imported(export, "deleted")
        except ValueError as error:
            return helpers._error("ValidationError", str(error))
        return delete_stack(params)

    stacks._resolve_stack_outputs = resolve
    handlers._ACTION_HANDLERS["DeleteStack"] = delete


def _refuse_if_imported(export: str, changed: str) -> None:
    importers = [
        name
        for name, stack in list(_stacks.items())
        if stack["StackStatus"] not in _WITHOUT_RESOURCES and export in handlers._imported_export_names(stack, name)
    ]
    if importers:
        raise ValueError(f"Export {export} cannot be {changed} as it is in use by {' and '.join(importers)}")
