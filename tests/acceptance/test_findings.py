"""What comes of checks: findings, also of one that fails, and of what the local AWS doesn't have."""

from __future__ import annotations

import json
import time

from acceptance import checks
from acceptance.run import Finding, Findings, run
from acceptance.site import Site

from .conftest import Account

# As Lambda writes it to a log in JSON.
REPORT = {"type": "platform.report", "record": {"metrics": {"durationMs": 410.3, "initDurationMs": 623.45}}}


def test_a_check_that_fails_says_so_and_the_next_one_follows(account: Account) -> None:
    found: list[Finding] = []

    def no_bucket(site: Site) -> Findings:
        yield Finding("it begins", "yes", "yes")
        site.s3.list_objects_v2(Bucket="not-there")

    def lambda_reports(site: Site) -> Findings:
        logs = account.aws.client("logs")
        logs.create_log_stream(logGroupName=site.log_group, logStreamName="report")
        event = {"timestamp": round(time.time() * 1000), "message": json.dumps(REPORT)}
        logs.put_log_events(logGroupName=site.log_group, logStreamName="report", logEvents=[event])
        yield from ()

    steps = [no_bucket, lambda_reports, checks.the_function_starts]
    run(
        account.session,
        account.deploy,
        steps,
        patience=30,
        on_step=lambda step: None,
        on_finding=found.append,
    )

    resources = json.loads(account.template)["Resources"].values()
    (function,) = (resource["Properties"] for resource in resources if resource["Type"] == "AWS::Lambda::Function")
    assert function["LoggingConfig"]["SystemLogLevel"] == "INFO", "Lambda writes no report"
    begins, fails, starts = found
    assert not begins.differs
    assert fails.differs
    assert (fails.statement, fails.seen.partition(":")[0]) == ("no bucket", "NoSuchBucket")
    assert starts == Finding("the milliseconds that the function takes to start", "623.45")
