"""The templates of stacks that were deployed by earlier versions don't change: see ``tests/deployed``."""

from __future__ import annotations

import json
import re
from typing import Any

from aws_cdk import App, DefaultStackSynthesizer, Environment, Stack

from ..deployed import ACCOUNT, REGION, TEMPLATE, declare

ROLE = "CdkKinesisVideoRole911AE2AE"


def template_of_today() -> dict[str, Any]:
    synthesizer = DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    app = App(analytics_reporting=False)
    declare(Stack(app, "Cameras", env=Environment(account=ACCOUNT, region=REGION), synthesizer=synthesizer))
    text = json.dumps(app.synth().get_stack_by_name("Cameras").template)
    template: dict[str, Any] = json.loads(re.sub("[0-9a-f]{64}", "<hash>", text))
    return template


def test_a_stack_that_uses_nothing_new_is_the_one_that_was_deployed_but_for_a_right_of_the_function() -> None:
    template = template_of_today()
    (policy,) = template["Resources"][ROLE]["Properties"]["Policies"]
    new = [s for s in policy["PolicyDocument"]["Statement"] if s["Action"][0].startswith("cloudformation:")]
    assert len(new) == 1
    policy["PolicyDocument"]["Statement"].remove(new[0])
    assert template == json.loads(TEMPLATE.read_text())
