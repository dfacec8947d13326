"""Stack operations as in CloudFormation, where ministack differs.

- Each status of a stack is an event of EventBridge.
- During an operation, a resource is listed as CREATE_IN_PROGRESS (without a physical id), UPDATE_IN_PROGRESS or
  DELETE_IN_PROGRESS.
- An update doesn't touch an unchanged resource, and creates a new one with the statuses of a creation.
- Resources that an update replaces or removes are deleted while the stack is UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, with
  events.
- The rollback of an update also sends an Update to a replaced custom resource, and deletes afterwards.
- The rollback deletes a custom resource whose Create failed, by the physical id of its answer.
- If a resource can't be deleted with its stack, the resources that it depends on stay.
- A stack whose creation was rolled back must be deleted before another one can have its name.
- A nested stack is rolled back and deleted with its parent, and its status shows it.
- Templates, outputs and parameters are returned with a question mark for each character beyond ASCII, see
  https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes-delete.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from ministack.core.responses import now_iso
from ministack.services.cloudformation import (
    _stacks,
    changesets,
    custom_resource,
    handlers,
    helpers,
    provisioners,
    stacks,
)

from . import events

Record = dict[str, Any]
# The stack's id and the logical id of a resource.
Key = tuple[str, str]

_STACK = "AWS::CloudFormation::Stack"
_CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
_ROLLBACK_CLEANUP = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
# ministack reports the rollback of a nested stack with its parent as an update.
_SENT_BACK = {"UPDATE_IN_PROGRESS": "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE": "UPDATE_ROLLBACK_COMPLETE"}
# Marks the logical id of a replacement, which a rollback deletes after the old resource is restored.
_REPLACEMENT = "\0replacement"


def install() -> None:
    """Replace ministack's functions."""
    operations = _Operations()
    for module in (changesets, handlers, stacks):
        module._add_event = operations.add_event
    # The module of nested stacks has its own references to these.
    for module in (stacks, provisioners):
        module._provision_resource = operations.provision
        module._update_resource = operations.update
        module._delete_resource = operations.delete
    for module in (stacks, handlers):
        module._roll_back_operation = operations.roll_back
    custom_resource.deliver_response = operations.deliver_response
    handlers._ACTION_HANDLERS["CreateStack"] = _of_new_name(handlers._ACTION_HANDLERS["CreateStack"])
    for action in ("ListStackResources", "DescribeStackResources", "DescribeStackResource"):
        handlers._ACTION_HANDLERS[action] = _without_empty_ids(handlers._ACTION_HANDLERS[action])
    for action in ("DescribeStacks", "GetTemplate"):
        handlers._ACTION_HANDLERS[action] = _in_ascii(handlers._ACTION_HANDLERS[action])


class _Operations:
    """Wraps ministack's functions, and keeps the state between their calls."""

    def __init__(self) -> None:
        self._add_event = stacks._add_event
        self._provision = provisioners._provision_resource
        self._update = provisioners._update_resource
        self._delete = provisioners._delete_resource
        self._roll_back = stacks._roll_back_operation
        self._deliver_response = custom_resource.deliver_response
        # Resources that an update is creating.
        self._created: set[Key] = set()
        # The events and the records of resources that an update has reached and may leave unchanged.
        self._perhaps_updated: dict[Key, tuple[Callable[[], None], Record]] = {}
        # The physical ids in failed answers.
        self._failed_ids: dict[Key, str] = {}
        # Resources whose creation failed, for the rollback to delete.
        self._failed: dict[str, dict[str, Record]] = {}
        # For each stack that is being rolled back: the previous resources, and the replacements to delete.
        self._restored: dict[str, tuple[dict[str, Record], dict[str, Record]]] = {}
        # For each stack that is being deleted: the dependencies of resources that can't be deleted.
        self._needed: dict[str, dict[str, Record]] = {}

    def add_event(
        self,
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        *more: str,
        **named: str,
    ) -> None:
        """Record an event, and update the listed status of its resource."""
        if (logical_id, resource_type) == (stack_name, _STACK):
            status = self._stack_changes(stack_id, stack_name, status)
            self._add_event(stack_id, stack_name, logical_id, resource_type, status, reason, *more, **named)
            events.publish_stack_status(stack_id, status, reason)
            return
        logical_id, _, replacement = logical_id.partition(_REPLACEMENT[0])
        if replacement and not resource_type:
            # The old resource was not restored, so the replacement is still in use.
            return
        add_event = partial(self._add_event, stack_id, stack_name, logical_id, resource_type)
        key = (stack_id, logical_id)
        resources = _stacks[stack_name].setdefault("_resources", {})
        record = resources.get(logical_id)
        updating = _stacks[stack_name].get("StackStatus") == "UPDATE_IN_PROGRESS"
        if status == "UPDATE_IN_PROGRESS" and updating and record and not reason:
            self._perhaps_updated[key] = (partial(add_event, status, reason, *more, **named), record)
            return
        if status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS") and not record:
            self._created.add(key)
            # A nested stack has its previous resources in the same place.
            if not _is_nested(_stacks[stack_name]):
                resources[logical_id] = _record(logical_id, resource_type, "CREATE_IN_PROGRESS")
        elif status == "UPDATE_COMPLETE" and key in self._perhaps_updated:
            # Neither an event nor an update followed, so the resource is unchanged.
            resources[logical_id] = {**resources[logical_id], **_status(self._perhaps_updated.pop(key)[1])}
            return
        if key in self._created and status.startswith("UPDATE_"):
            status = status.replace("UPDATE_", "CREATE_")
        self._is_updated(key)
        if status.endswith(("_COMPLETE", "_FAILED")):
            self._created.discard(key)
        if (record := resources.get(logical_id)) and not status.startswith("DELETE_"):
            record["ResourceStatus"] = status
        add_event(status, reason, *more, **named)

    def provision(self, resource_type: str, logical_id: str, properties: Any, stack_name: str) -> Any:
        """Create a resource, and remember a custom resource that failed."""
        stack_id = _stacks[stack_name]["StackId"]
        key = (stack_id, logical_id)
        self._failed_ids.pop(key, None)
        try:
            return self._provision(resource_type, logical_id, properties, stack_name)
        except Exception as error:
            if isinstance(error, TimeoutError):
                self._failed_ids[key] = f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:13].upper()}"
            if key in self._failed_ids:
                record = _record(logical_id, resource_type, "CREATE_FAILED", self._failed_ids.pop(key), properties)
                self._failed.setdefault(stack_id, {})[logical_id] = record
            raise

    def update(
        self, resource_type: str, physical_id: str, old: Any, new: Any, stack: str, logical_id: Any = None, *more: Any
    ) -> Any:
        """Update a resource, and record its event if it changes."""
        if old != new and logical_id:
            self._is_updated((_stacks[stack]["StackId"], logical_id))
            if record := _stacks[stack].get("_resources", {}).get(logical_id):
                record["ResourceStatus"] = "UPDATE_IN_PROGRESS"
        return self._update(resource_type, physical_id, old, new, stack, logical_id, *more)

    def delete(
        self, resource_type: str, physical_id: str, properties: Any, stack_name: Any = None, logical_id: Any = None
    ) -> None:
        """Delete a resource; in an update, as a part of the clean-up."""
        if stack_name is None or logical_id is None:
            self._delete(resource_type, physical_id, properties, stack_name, logical_id)
            return
        logical_id, _, replacement = logical_id.partition(_REPLACEMENT[0])
        if replacement and not resource_type:
            return
        stack = _stacks[stack_name]
        cleanup = {"UPDATE_IN_PROGRESS": _CLEANUP}
        if _is_nested(stack):
            cleanup["UPDATE_ROLLBACK_IN_PROGRESS"] = _ROLLBACK_CLEANUP
        if status := cleanup.get(stack["StackStatus"]):
            stack["StackStatus"] = status
            self._add_event(stack["StackId"], stack_name, stack_name, _STACK, status, "", stack["StackId"])
            events.publish_stack_status(stack["StackId"], status, "")
        if resource_type == _STACK:
            _stacks[provisioners._nested_stack_lookup_name(physical_id)]["StackStatus"] = "DELETE_IN_PROGRESS"
        is_cleanup = stack["StackStatus"] == _CLEANUP
        add_event = partial(self._add_event, stack["StackId"], stack_name, logical_id, resource_type)
        record = stack.get("_resources", {}).get(logical_id)
        # A replacement has another physical id.
        mine = record if record and record["PhysicalResourceId"] == physical_id else {}
        mine["ResourceStatus"] = "DELETE_IN_PROGRESS"
        if is_cleanup:
            add_event("DELETE_IN_PROGRESS", "", physical_id)
        try:
            self._delete(resource_type, physical_id, properties, stack_name, logical_id)
        except Exception:
            if stack["StackStatus"] == "DELETE_IN_PROGRESS":
                self._keep_dependencies(stack, logical_id)
            raise
        mine["ResourceStatus"] = "DELETE_COMPLETE"
        if is_cleanup:
            add_event("DELETE_COMPLETE", "", physical_id)

    def _keep_dependencies(self, stack: Record, logical_id: str) -> None:
        """Hide a resource's dependencies from ministack until the deletion has ended."""
        resources = stack["_resources"]
        needed = stacks._with_dependencies([logical_id], stack["_template"]["Resources"], set(resources))
        kept = {name: resources.pop(name) for name in needed - {logical_id} if name in resources}
        self._needed.setdefault(stack["StackId"], {}).update(kept)

    async def roll_back(
        self, stack_name: str, stack_id: str, stack: Record, operation: Record, reason: str = ""
    ) -> None:
        """Roll an operation back, delete failed resources, and send an Update to replaced ones."""
        before = (operation.get("previous_stack") or {}).get("_resources", {})
        now = stack["_resources"]
        replacements = {}
        for logical_id in list(operation["created"]):
            old, new = before.get(logical_id), now.get(logical_id)
            if not (old and new and _is_custom(new) and old["PhysicalResourceId"] != new["PhysicalResourceId"]):
                continue
            # ministack sees an update in place, whose answer restores the old physical id.
            replacements[logical_id + _REPLACEMENT] = dict(new)
            before[logical_id] = {**old, "PhysicalResourceId": new["PhysicalResourceId"]}
            operation["created"].append(logical_id + _REPLACEMENT)
            operation["replaced_ids"] = [replaced for replaced in operation["replaced_ids"] if replaced != logical_id]
        failed = self._failed.pop(stack_id, {})
        now.update(failed)
        operation["created"] += failed
        self._restored[stack_id] = before, replacements
        await self._roll_back(stack_name, stack_id, stack, operation, reason)
        self._restored.pop(stack_id, None)

    def deliver_response(self, token: str, response: Record) -> bool:
        """Deliver the answer of a custom resource, and remember the physical id of a failed one."""
        if response.get("Status") == "FAILED" and response.get("PhysicalResourceId"):
            key = (response.get("StackId", ""), response.get("LogicalResourceId", ""))
            self._failed_ids[key] = response["PhysicalResourceId"]
        return bool(self._deliver_response(token, response))

    def _is_updated(self, key: Key) -> None:
        event, record = self._perhaps_updated.pop(key, (None, None))
        if event and record:
            record["ResourceStatus"] = "UPDATE_IN_PROGRESS"
            event()

    def _stack_changes(self, stack_id: str, stack_name: str, status: str) -> str:
        """Note a stack's new status, and return the status that AWS would show."""
        stack = _stacks.get(stack_name, {})
        parent = _stacks.get(stack.get("_parent_stack_name"), {})
        if status in ("DELETE_FAILED", "DELETE_COMPLETE"):
            stack.get("_resources", {}).update(self._needed.pop(stack_id, {}))
        if status in _SENT_BACK and parent.get("StackStatus") == "UPDATE_ROLLBACK_IN_PROGRESS":
            status = stack["StackStatus"] = _SENT_BACK[status]
        if status == _ROLLBACK_CLEANUP and stack_id in self._restored:
            before, replacements = self._restored[stack_id]
            provisioned = stack["_resources"]
            for name, replacement in replacements.items():
                logical_id = name.removesuffix(_REPLACEMENT)
                if before[logical_id]["PhysicalResourceId"] != replacement["PhysicalResourceId"]:
                    provisioned[name] = replacement
            # From now on the previous resources are listed, and those that are yet to be deleted.
            listed = {name: record for name, record in provisioned.items() if _REPLACEMENT not in name}
            stack["_resources"] = {**listed, **before}
        elif not status.endswith("_IN_PROGRESS"):
            # A resource that never got a physical id is no longer listed.
            for logical_id, record in list(stack.get("_resources", {}).items()):
                if not record.get("PhysicalResourceId"):
                    del stack["_resources"][logical_id]
        return status


def _record(logical_id: str, resource_type: str, status: str, physical_id: str = "", properties: Any = None) -> Record:
    return {
        "PhysicalResourceId": physical_id,
        "ResourceType": resource_type,
        "ResourceStatus": status,
        "LogicalResourceId": logical_id,
        "Properties": properties or {},
        "Attributes": {},
        "Timestamp": now_iso(),
    }


def _status(record: Record) -> Record:
    return {"ResourceStatus": record["ResourceStatus"], "Timestamp": record["Timestamp"]}


def _is_nested(stack: Record) -> bool:
    return "ParentId" in stack


def _is_custom(record: Record) -> bool:
    resource_type: str = record["ResourceType"]
    return resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource"


def _of_new_name(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(params: Any) -> Any:
        name = helpers._p(params, "StackName")
        if _stacks.get(name, {}).get("StackStatus") == "ROLLBACK_COMPLETE":
            return helpers._error("AlreadyExistsException", f"Stack [{name}] already exists")
        return create(params)

    return answer


def _in_ascii(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def in_ascii(params: Any) -> Any:
        status, headers, body = answer(params)
        return status, headers, body.decode().encode("ascii", "replace")

    return in_ascii


def _without_empty_ids(handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(params: Any) -> Any:
        status, headers, body = handle(params)
        empty = b"<PhysicalResourceId></PhysicalResourceId>"
        return status, headers, body.replace(empty, b"") if isinstance(body, bytes) else body

    return answer
