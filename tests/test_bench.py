"""What docs/performance.md promises and counting can show, and how bench/ comes to its figures."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.__main__ import COMPARISONS, main
from bench.machinery.assembly import synthesise
from bench.machinery.cameras import EncodedVideo, Site
from bench.machinery.processes import measure
from bench.machinery.rounds import Sample, Spread, interleave, ratios
from bench.machinery.runtime import Function, Outcome
from bench.peers import AWS_CUSTOM_RESOURCE, CRHELPER, OURS, PROVIDER_FRAMEWORK, Declared
from bench.report.text import comparison, short, table
from kinesis_video_local import LocalAws

from .round_trips import per_further_stream

# CloudFormation's quotas of a template.
MAX_RESOURCES = 500
MAX_TEMPLATE_BYTES = 1_000_000

MAX_ROUND_TRIPS = 9
# And what lets a producer deliver.
MAX_ROUND_TRIPS_WITH_PRODUCER = 10


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    return synthesise(OURS, 240).template


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    return synthesise(OURS, 1).template


def test_240_streams_fit_into_one_stack(many: dict[str, Any]) -> None:
    assert len(many["Resources"]) <= MAX_RESOURCES
    assert len(json.dumps(many, indent=1)) < MAX_TEMPLATE_BYTES / 2


def test_a_stream_costs_two_resources_and_itself_is_one_of_them(many: dict[str, Any], one: dict[str, Any]) -> None:
    assert len(many["Resources"]) - len(one["Resources"]) == 2 * 239


def test_the_policies_are_the_same_for_240_streams_as_for_one(many: dict[str, Any], one: dict[str, Any]) -> None:
    def policies(template: dict[str, Any]) -> dict[str, Any]:
        return {name: r for name, r in template["Resources"].items() if r["Type"].startswith("AWS::IAM::")}

    assert policies(many) == policies(one)


@pytest.mark.parametrize(
    ("with_producer", "most"),
    [(False, MAX_ROUND_TRIPS), (True, MAX_ROUND_TRIPS_WITH_PRODUCER)],
    ids=["alone", "granted"],
)
def test_a_further_stream_takes_few_round_trips_to_cdk(with_producer: bool, most: int) -> None:
    assert per_further_stream(OURS, Declared(producer=with_producer)) <= most


@pytest.mark.parametrize(("tool", "trips"), [(AWS_CUSTOM_RESOURCE, 10), (PROVIDER_FRAMEWORK, 6), (CRHELPER, 6)])
def test_what_the_other_tools_take_is_counted_the_same_way(tool: str, trips: int) -> None:
    assert per_further_stream(tool) == trips


def test_a_cold_start_looks_through_no_folders_of_other_services_and_imports_no_boto3() -> None:
    # botocore looks through those of all its services for each client, which takes as long as all code of the handler.
    # boto3 imports s3transfer and multiprocessing, which takes a tenth of the cold start.
    code = """
import sys
from pathlib import Path
import botocore
data = str(Path(botocore.__file__).with_name("data"))
folders = []
sys.addaudithook(lambda event, given: folders.append(str(given[0])) if event == "os.listdir" else None)
import kinesis_video_handler.entry
print(*sorted({folder.removeprefix(data) for folder in folders if folder.startswith(data)}))
print(*{"boto3", "kinesis_video_drift", "s3transfer"}.intersection(sys.modules))
"""
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    child = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert child.stdout.splitlines() == ["/kinesisvideo", ""]


def test_a_figure_is_the_median_with_its_quartiles() -> None:
    assert str(Spread.of([5, 1, 2, 4, 3])) == "3.00 (2.00-4.00)"


def test_a_ratio_is_taken_within_a_round_so_that_what_slows_both_cancels_out() -> None:
    samples = {
        "ours": [{"CPU": 1.0}, {"CPU": 10.0}, {"CPU": 100.0}],
        "theirs": [{"CPU": float(n)} for n in (2, 20, 200)],
    }
    assert ratios(samples, "theirs", "CPU")["ours"] == Spread(0.5, 0.5, 0.5)


def test_each_case_is_measured_once_a_round() -> None:
    order: list[str] = []

    def measured(name: str) -> Sample:
        order.append(name)
        return {"figure": float(len(order))}

    samples = interleave(3, {name: partial(measured, name) for name in "abc"}, "test")
    assert [sorted(order[start : start + 3]) for start in (0, 3, 6)] == [["a", "b", "c"]] * 3
    assert {name: len(rounds) for name, rounds in samples.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_comparison_is_a_markdown_table_of_multiples_of_one_tool() -> None:
    samples = {"ours": [{"CPU": 1.0}, {"CPU": 3.0}], "theirs": [{"CPU": 2.0}, {"CPU": 2.0}]}
    lines = comparison(samples, "theirs", ["CPU"]).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])] == [
        ["tool", "CPU"],
        ["ours", "1.00 (0.75-1.25)"],
        ["theirs", "1"],
    ]


def test_a_table_keeps_figures_as_they_are_written() -> None:
    assert "| 1.10  |" in table(["tool", "CPU"], [["1,000", "1.10"]])


def test_a_reason_leaves_out_what_differs_from_run_to_run() -> None:
    reason = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/a/123: timeout\n of http://127.0.0.1:4566/update"
    assert short(reason) == "(the stream): timeout of (the service)/update"
    assert short("x" * 200) == f"{'x' * 120} ..."


def test_a_process_is_measured_with_those_that_it_starts() -> None:
    burn = (
        "import time\nmemory = bytearray(50_000_000)\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    )
    start = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {burn!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""
    before, after = measure("pass", start)
    assert after["CPU"] - before["CPU"] >= 0.3
    assert after["peak memory"] - before["peak memory"] >= 50


def test_a_step_that_fails_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="'import no_such_module' failed"):
        measure("import no_such_module")
    assert "ModuleNotFoundError" in capfd.readouterr().err


def test_a_function_returns_fails_takes_too_long_or_ends_as_on_lambda(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("""
exports.handler = async (event) => {
  if (event.end) process.exit(3);
  if (event.fail) throw new Error("no such camera");
  if (event.wait) await new Promise(() => setInterval(() => {}, 1000));
  return {pid: process.pid};
};
""")

    async def outcomes() -> list[Outcome]:
        async with Function("nodejs24.x", "index.handler", tmp_path, {}).running() as function:
            events = {"first": 60, "fail": 60, "same": 60, "end": 60, "wait": 1, "last": 60}
            return [await function.invoke({name: True}, seconds) for name, seconds in events.items()]

    first, failed, same, ended, late, last = asyncio.run(outcomes())
    assert first.payload == same.payload != last.payload
    assert [outcome.error for outcome in (first, same, last)] == [""] * 3
    assert [outcome.error for outcome in (failed, ended, late)] == ["Unhandled"] * 3
    assert [outcome.payload["errorMessage"] for outcome in (failed, ended, late)] == [
        "no such camera",
        "Runtime exited",
        "Task timed out after 1.00 seconds",
    ]


def test_cameras_send_encoded_video_whose_images_are_counted() -> None:
    with LocalAws(creating_seconds=0) as aws:
        site = Site(aws, 2)
        cameras = site.send(EncodedVideo(2), 4, speed=20)
    assert [camera.persisted for camera in cameras] == [2, 2]
    assert site.images == 8


def test_every_comparison_is_run() -> None:
    modules = {path.stem for path in Path(bench.__file__).with_name("comparisons").glob("[a-z]*.py")}
    assert sorted(COMPARISONS) == sorted(modules)
    assert all(callable(import_module(f"bench.comparisons.{name}").run) for name in COMPARISONS)


def test_a_comparison_is_run_by_its_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "footprint", "--repetitions", "2"])
    monkeypatch.setattr("bench.comparisons.footprint.run", "{} rounds".format)
    # It has a folder of its own, which goes with it.
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", os.environ.get("TMPDIR", "/tmp"))
    main()
    assert capsys.readouterr().out.startswith("Footprint ...\n\n2 rounds\n")
