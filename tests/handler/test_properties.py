"""Properties that hold for every input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinesis_video_handler.protocol import MAX_ANSWER_BYTES, AnswerNotSentError

from ..cloudformation import CloudFormation
from .conftest import UPDATE, Function, Service

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3),
    max_leaves=8,
)
NO_TEXT = JSON.filter(lambda value: not isinstance(value, str))
NO_STREAM = JSON.filter(lambda value: not (value and isinstance(value, str)))
NO_MAP = JSON.filter(lambda value: not isinstance(value, dict))
NO_NUMBER = (
    st.text(max_size=20).filter(lambda text: not text.strip().lstrip("+-").replace("_", "").isdecimal()) | st.none()
)

# For each place in a good event, the values that make the event malformed.
MALFORMED: list[tuple[tuple[str, ...], st.SearchStrategy[Any]]] = [
    (("ResponseURL",), JSON.filter(lambda value: not str(value).startswith("http"))),
    (("RequestId",), NO_TEXT),
    (("StackId",), NO_TEXT),
    (("LogicalResourceId",), NO_TEXT),
    (("RequestType",), JSON.filter(lambda value: value not in ("Create", "Update", "Delete"))),
    (("ResourceType",), JSON),
    (("ResourceProperties",), NO_MAP),
    (("ResourceProperties", "StreamARN"), NO_STREAM),
    (("ResourceProperties", "ImageGenerationConfiguration"), NO_MAP),
    (("ResourceProperties", "ImageGenerationConfiguration", "Status"), NO_TEXT.filter(lambda v: type(v) is not int)),
    (("ResourceProperties", "ImageGenerationConfiguration", "DestinationConfig"), NO_MAP),
    (("ResourceProperties", "ImageGenerationConfiguration", "SamplingInterval"), NO_NUMBER),
    (("ResourceProperties", "ImageGenerationConfiguration", "WidthPixels"), NO_NUMBER),
]


@st.composite
def malformed_events(draw: st.DrawFn) -> tuple[str, tuple[str, ...], Any]:
    name = draw(st.sampled_from(["create", "update", "delete"]))
    place, values = draw(st.sampled_from(MALFORMED))
    return name, place, draw(values)


# The fixtures live for all examples, and the test clears what they keep.
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(malformed_events())
def test_a_malformed_event_gets_one_answer_or_raises_and_changes_nothing(
    function: Function, service: Service, cloudformation: CloudFormation, drawn: tuple[str, tuple[str, ...], Any]
) -> None:
    cloudformation.puts.clear()
    name, place, value = drawn
    event = function.event(name)
    parent = event
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value

    try:
        function.invoke(event)
    except (ValueError, AnswerNotSentError):
        assert not cloudformation.puts
    else:
        (put,) = cloudformation.puts
        # What can't be read was never set, so a Delete has nothing to do.
        done = name == "delete" and place[0] in ("ResourceType", "ResourceProperties")
        assert json.loads(put.body)["Status"] == ("SUCCESS" if done else "FAILED")
        assert len(put.body) <= MAX_ANSWER_BYTES
    assert not service.calls[UPDATE]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NO_TEXT)
def test_what_is_no_event_at_all_raises(function: Function, cloudformation: CloudFormation, event: Any) -> None:
    with pytest.raises(ValueError, match=r"^the event (is not a CloudFormation|can't be answered, it has no) "):
        function.invoke(event)
    assert not cloudformation.puts
