"""Requests as browsers make them for web pages are refused, and those of programs are not."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import http.client
import http.server
import json
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import HmacV1QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from kinesis_video_local._front_door import FrontDoor, parse_origin
from tests.archives import zipped

PAGE = "https://evil.example"
OWN_PAGE = "http://localhost:3000"
# What a test runs on where it is installed. Without one, the requests that a browser makes are all that is tested.
BROWSERS = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
CREATE_FUNCTION = "/2015-03-31/functions"
RESET = "/_ministack/reset"
CALLS = "/_local_aws/calls"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, tls=True, allowed_origins=["HTTP://LocalHost:3000/"]) as aws:
        yield aws


@pytest.fixture(scope="module")
def guarded() -> Iterator[LocalAws]:
    with LocalAws(creating_seconds=0, enforce_iam=True) as aws:
        yield aws


def ask(
    aws: LocalAws, method: str, target: str, headers: dict[str, str], body: bytes = b"", *, tls: bool = False
) -> tuple[int, dict[str, str]]:
    """Send a request with these headers only; return the status and the headers of the answer."""
    address = urlsplit((aws.tls_endpoint_url or "") if tls else aws.endpoint_url)
    assert address.hostname
    if tls:
        context = ssl.create_default_context(cafile=aws.trusted_certificate)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address.hostname, address.port, timeout=20, context=context
        )
    else:
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    with closing(connection):
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": address.netloc, "Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        # A form, and fetch with `no-cors`: no preflight comes before.
        ("POST", CREATE_FUNCTION, {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}),
        ("POST", f"{CREATE_FUNCTION}/f/invocations", {"Origin": PAGE, "Content-Type": "text/plain"}),
        ("POST", "/", {"Origin": PAGE, "Content-Type": "application/x-www-form-urlencoded"}),
        ("POST", "/createStream", {"Origin": PAGE, "Content-Type": "text/plain"}),
        ("POST", RESET, {"Origin": PAGE}),
        ("POST", "/_local_aws/faults", {"Origin": PAGE, "Content-Type": "text/plain"}),
        # A page that was saved, or is in a frame with `sandbox`.
        ("POST", CREATE_FUNCTION, {"Origin": "null"}),
        # Another server on this machine, which the browser takes for the same site; only one port of it is allowed.
        ("POST", CREATE_FUNCTION, {"Origin": "http://localhost:3001", "Sec-Fetch-Site": "same-site"}),
        ("POST", CREATE_FUNCTION, {"Origin": "https://localhost:3000"}),
        # An image, a script, a link: no origin is named.
        ("GET", "/?Action=DeleteStack&StackName=s", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
        ("GET", "/?Action=DeleteStack&StackName=s", {"Sec-Fetch-Site": "same-site"}),
        ("HEAD", "/bucket/key", {"Sec-Fetch-Site": "cross-site"}),
        # Links in a mail, and redirects from an address that was typed: a stack can bring a function and run it.
        ("GET", "/?Action=CreateStack&StackName=s", {"Sec-Fetch-Site": "none"}),
        ("GET", "/any?StackName=s&%41ction=CreateStack", {"Sec-Fetch-Site": "none"}),
        ("GET", "/?Action=CreateStack&StackName=s", {"Sec-Fetch-Site": "same-origin"}),
        ("GET", "/service/GraniteServiceVersion20100801/operation/DeleteAlarms", {"Sec-Fetch-Site": "none"}),
        ("GET", "/x/operation/DeleteAlarms?AlarmNames.member.1=a", {"Host": "monitoring.localhost"}),
        # The speculation rules of a page: nobody clicks.
        ("GET", "/bucket/key", {"Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch"}),
        ("GET", "/_aws/lambda-url/f", {"Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch;prerender"}),
        # A browser that says nothing, a player of videos, and keys in the URL of a link.
        ("GET", "/?Action=CreateStack&StackName=s", {"User-Agent": "Mozilla/5.0"}),
        ("GET", "/?Action=CreateStack&StackName=s", {"User-Agent": "AppleCoreMedia/1.0.0"}),
        ("GET", "/?Action=CreateStack&StackName=s", {"Authorization": "Basic dGVzdDp0ZXN0"}),
        ("GET", "/", {"Host": "localhost.:4566"}),
        # Preflights.
        ("OPTIONS", CREATE_FUNCTION, {"Origin": PAGE, "Access-Control-Request-Method": "POST"}),
        ("OPTIONS", "/bucket/key", {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}),
        # DNS rebinding: the page's own host has our address.
        ("GET", CALLS, {"Host": "evil.example:4566", "Sec-Fetch-Site": "same-origin"}),
        ("POST", CREATE_FUNCTION, {"Host": "evil.example"}),
    ],
)
def test_no_web_page_comes_in(aws: LocalAws, method: str, target: str, headers: dict[str, str], tls: bool) -> None:
    status, answered = ask(aws, method, target, headers, tls=tls)

    assert status == 403
    assert not [name for name in answered if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"origin": PAGE}, {"type": "websocket.close"}),
        ({"origin": "null"}, {"type": "websocket.close"}),
        ({"host": "evil.example"}, {"type": "websocket.close"}),
        ({}, {"type": "websocket.accept", "headers": []}),
    ],
)
def test_no_websocket_of_a_page_is_opened(headers: dict[str, str], sent: dict[str, Any]) -> None:
    answers = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        answers.append(message)

    async def accept(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    named = {"host": "127.0.0.1:4566", **headers}
    scope = {"type": "websocket", "path": "/", "raw_path": b"/"}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in named.items()]
    asyncio.run(FrontDoor(accept)(scope, receive, send))

    assert answers == [sent]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:4566",
        "localhost:1",
        "LocalHost:65535",
        "[::1]:4566",
        "images.localhost:4566",
        "my.images.s3.localhost:4566",
        "images.127.0.0.1:4566",
    ],
)
def test_it_is_addressed_by_its_own_names(aws: LocalAws, host: str) -> None:
    assert ask(aws, "GET", CALLS, {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0:4566",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::]",
        "[::ffff:127.0.0.1]",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "evillocalhost",
        "evil.example.localhost.evil.example",
        ".localhost",
        "a..localhost",
        # Safari sends no Sec-Fetch-Site there.
        "localhost.",
        "localhost.:4566",
        "127.0.0.1.",
        "localhost..",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:80:80",
        "localhost:4566@evil.example",
        "evil.example#.localhost",
        "evil.example/.localhost",
        "localhost, evil.example",
        "localhost evil.example",
        "loc\u00e4lhost",
    ],
)
def test_no_other_name_is_its_own(aws: LocalAws, host: str) -> None:
    assert ask(aws, "GET", CALLS, {"Host": host})[0] in (400, 403)


@pytest.mark.parametrize(
    "target", ["http://evil.example/", "http://127.0.0.1/_local_aws/calls", "*", "evil.example:80"]
)
def test_a_url_in_place_of_a_path_is_refused(aws: LocalAws, target: str) -> None:
    assert ask(aws, "OPTIONS", target, {})[0] in (400, 403)


def test_a_request_without_a_host_is_refused(aws: LocalAws) -> None:
    address = urlsplit(aws.endpoint_url)
    assert address.hostname
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=20)) as connection:
        connection.connect()
        connection.sock.sendall(f"GET {CALLS} HTTP/1.0\r\n\r\n".encode())
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 403 ")


def test_what_a_browser_opens_by_itself_is_answered(aws: LocalAws) -> None:
    """A link that is typed or pasted, such as a presigned one; and what a page from here asks here for."""
    for site in "none", "same-origin":
        assert ask(aws, "GET", CALLS, {"Sec-Fetch-Site": site})[0] == 200


def test_a_page_from_a_bucket_runs_no_script_unless_its_origin_is_allowed(aws: LocalAws) -> None:
    def policy(headers: dict[str, str]) -> str | None:
        return ask(aws, "GET", "/pages/index.html", headers)[1].get("content-security-policy")

    aws.client("s3").create_bucket(Bucket="pages")
    aws.client("s3").put_object(Bucket="pages", Key="index.html", Body=b"<script></script>", ContentType="text/html")

    assert policy({}) == policy({"Host": "localhost:3001"}) == "script-src 'none'; object-src 'none'"
    assert policy({"Host": "localhost:3000"}) is None


def test_the_links_in_the_messages_of_sns_are_followed(aws: LocalAws, guarded: LocalAws) -> None:
    for each in aws, guarded:
        topic = each.client("sns").create_topic(Name="links")["TopicArn"]
        link = f"/?Action=ConfirmSubscription&TopicArn={topic}&Token="
        # It arrives: the token is none.
        assert ask(each, "GET", f"{link}none", {})[0] == 400
        assert ask(each, "GET", f"{link}none&Action=CreateTopic", {})[0] == 403


def test_a_link_in_a_message_of_sns_calls_no_other_operation_where_iam_is_enforced(guarded: LocalAws) -> None:
    topic = guarded.client("sns").create_topic(Name="kept")["TopicArn"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for target, headers, action in (
        ("/?Action=Unsubscribe", form, "DeleteTopic"),
        ("/", form, "Unsubscribe&Action=DeleteTopic"),
        ("/", {"Host": "sns.us-east-1.localhost", "X-Amz-Target": "SNS.Unsubscribe"}, "DeleteTopic"),
    ):
        assert ask(guarded, "POST", target, headers, f"TopicArn={topic}&Action={action}".encode())[0] == 403
    assert topic in [each["TopicArn"] for each in guarded.client("sns").list_topics()["Topics"]]


def test_no_answer_lets_every_origin_read_it(aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket="readable")
    for method, target in (
        ("GET", "/readable"),
        ("GET", "/"),
        ("OPTIONS", "/readable"),
        ("GET", "/_ministack/health"),
        ("POST", CREATE_FUNCTION),
        ("POST", "/listStreams"),
        ("GET", "/oauth2/authorize"),
    ):
        answered = ask(aws, method, target, {})[1]
        assert not [name for name in answered if name.startswith("access-control-")], target


def test_a_page_that_is_allowed_may_use_it_and_read_its_answers(aws: LocalAws) -> None:
    page = {"Origin": OWN_PAGE, "Sec-Fetch-Site": "same-site"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-amz-date"}

    status, preflight = ask(aws, "OPTIONS", "/listStreams", {**page, **asked})
    assert status == 204
    assert preflight["access-control-allow-origin"] == OWN_PAGE
    assert preflight["access-control-allow-methods"] == "POST"
    assert preflight["access-control-allow-headers"] == "authorization,x-amz-date"

    for method, target in ("POST", "/listStreams"), ("GET", "/"), ("GET", CALLS):
        status, answered = ask(aws, method, target, page, b"{}")
        assert (status, answered["access-control-allow-origin"]) == (200, OWN_PAGE)
        assert "Origin" in answered["vary"]
    assert ask(aws, "GET", CALLS, {**page, "Host": "evil.example"})[0] == 403


def test_an_origin_is_written_as_browsers_send_it() -> None:
    assert parse_origin("HTTPS://Example.COM:443/") == "https://example.com"
    assert parse_origin("http://[::1]:80") == "http://[::1]"


@pytest.mark.parametrize(
    "origin", ["*", "null", "localhost:3000", "http://*.example", "http://a/b", "file://", "http://a:b"]
)
def test_what_is_no_origin_is_not_allowed(origin: str) -> None:
    with pytest.raises(ValueError, match=r"The allowed origin .* is not an origin"):
        LocalAws(allowed_origins=[origin])


ATTACK = """
const port = location.search.slice(1);
const own = `http://127.0.0.1:${port}`;
const attempts = [own, `http://localhost:${port}`, `http://bucket.localhost:${port}`].flatMap(base => [
  fetch(`${base}/_ministack/reset`, {method: "POST", mode: "no-cors"}),
  fetch(`${base}/createStream`, {method: "POST", mode: "no-cors", body: '{"StreamName": "forged"}'}),
  fetch(`${base}/listStreams`, {method: "POST", body: "{}"}).then(answer => answer.text()),
  fetch(`${base}/_local_aws/calls`).then(answer => answer.text()),
  new Promise(done => Object.assign(new Image(), {onload: done, onerror: done,
    src: `${base}/?Action=CreateTopic&Name=forged&Version=2010-03-31`})),
]);
Promise.allSettled(attempts).then(seen => {
  const read = seen.filter(one => one.status === "fulfilled" && typeof one.value === "string");
  document.body.textContent = `made ${seen.length} attempts, read ${read.length}`;
});
"""


@pytest.fixture
def page_server(tmp_path: Path) -> Iterator[int]:
    """Serve a page that attacks, from another port of this machine."""
    (tmp_path / "index.html").write_text(f"<!doctype html><body><script>{ATTACK}</script></body>")
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        page, _, port = self.path.partition("?")
        if page != "/redirect":
            super().do_GET()
            return
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{port}/?Action=CreateTopic&Name=forged&Version=2010-03-31")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_page_in_a_real_browser_does_and_reads_nothing(page_server: int, tmp_path: Path) -> None:
    """It runs in each browser that is installed; where there is none, the tests above send what one would send."""
    with LocalAws(creating_seconds=0) as aws:
        aws.client("kinesisvideo").create_stream(StreamName="mine")
        for browser in BROWSERS:
            # A page of another host is another site; one of this machine is of the same site.
            for host, path, expected in (
                ("127.0.0.1", "", "made 15 attempts, read 0"),
                ("evil.example", "", "made 15 attempts, read 0"),
                ("evil.example", "redirect", "not call an operation"),
            ):
                line = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
                line += [f"--user-data-dir={tmp_path / (host + path)}", "--virtual-time-budget=20000", "--dump-dom"]
                line += ["--host-resolver-rules=MAP evil.example 127.0.0.1", "--no-proxy-server"]
                # Without what asks the user before a page reaches this machine, as in older browsers.
                line += ["--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"]
                page = f"http://{host}:{page_server}/{path}?{urlsplit(aws.endpoint_url).port}"
                shown = subprocess.run([*line, page], capture_output=True, text=True, timeout=120, check=True)
                assert expected in shown.stdout, shown.stderr
        names = [stream["StreamName"] for stream in aws.client("kinesisvideo").list_streams()["StreamInfoList"]]
        assert names == ["mine"]
        assert aws.client("sns").list_topics()["Topics"] == []


def test_the_keys_are_new_at_each_start_where_iam_is_enforced() -> None:
    aws = LocalAws(enforce_iam=True)
    keys = []
    for _ in range(2):
        with aws:
            keys += [aws.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]

    assert len({*keys, "test"}) == 5


def get(aws: LocalAws, auth: Callable[[Credentials], Any], key: str, secret: str) -> int:
    """Get an object with a signature; return the status."""
    request = AWSRequest("GET", f"{aws.endpoint_url}/secrets/key", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    auth(Credentials(key, secret)).add_auth(request)
    prepared = request.prepare()
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    return ask(aws, "GET", prepared.url.removeprefix(aws.endpoint_url), headers)[0]


AUTHS: dict[str, Callable[[Credentials], Any]] = {
    "in the headers": lambda keys: SigV4Auth(keys, "s3", "us-east-1"),
    "in the query": lambda keys: SigV4QueryAuth(keys, "s3", "us-east-1"),
    "in the query of another service": lambda keys: SigV4QueryAuth(keys, "lambda", "us-east-1"),
    "by version 2": HmacV1QueryAuth,
}
# A header and a query that name the key, and have no signature of it.
NAMED = [
    ("", ""),
    ("Bearer test", ""),
    ("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/s3/aws4_request", ""),
    ("AWS4-HMAC Credential={key}/20260101/us-east-1/s3/aws4_request", ""),
    ("AWS {key}:c2lnbmF0dXJl", ""),
    ("x", "?AWSAccessKeyId={key}"),
    ("", "?AWSAccessKeyId={key}"),
    ("", "?X-Amz-Credential={key}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"),
    ("x", "?X-Amz-Credential={key}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"),
    # Complete, with a signature of nobody.
    (
        "",
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
    ),
]


@pytest.fixture(scope="module")
def secret_object(guarded: LocalAws) -> None:
    guarded.client("s3").create_bucket(Bucket="secrets")
    guarded.client("s3").put_object(Bucket="secrets", Key="key", Body=b"")


@pytest.mark.usefixtures("secret_object")
@pytest.mark.parametrize("how", AUTHS)
@pytest.mark.parametrize("key", ["test", "000000000000", "111122223333"])
def test_known_keys_do_not_sign_where_iam_is_enforced(guarded: LocalAws, key: str, how: str) -> None:
    assert get(guarded, AUTHS[how], key, "test") in (400, 401, 403)


@pytest.mark.usefixtures("secret_object")
@pytest.mark.parametrize(("authorization", "query"), NAMED)
def test_the_name_of_a_key_is_not_enough_where_iam_is_enforced(
    guarded: LocalAws, authorization: str, query: str
) -> None:
    for key in guarded.environment["AWS_ACCESS_KEY_ID"], "000000000000":
        headers = {"Authorization": authorization.format(key=key)} if authorization else {}
        for method, target in (
            ("GET", "/secrets/key"),
            ("GET", "/2015-03-31/functions/"),
            ("PUT", "/secrets/other"),
            # Of Amazon S3 Control.
            ("GET", "/v20180820/accesspoint"),
            ("GET", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Asecrets"),
            ("DELETE", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Asecrets"),
        ):
            assert ask(guarded, method, target + query.format(key=key), headers)[0] in (400, 401, 403)


@pytest.mark.usefixtures("secret_object")
def test_who_has_the_keys_gets_in_in_every_way(guarded: LocalAws) -> None:
    keys = [guarded.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    for how in "in the headers", "in the query":
        assert get(guarded, AUTHS[how], *keys) == 200
    assert get(guarded, AUTHS["in the headers"], "000000000000", keys[1]) == 200
    link = guarded.client("s3").generate_presigned_url("get_object", Params={"Bucket": "secrets", "Key": "key"})
    assert ask(guarded, "GET", link.removeprefix(guarded.endpoint_url), {})[0] == 200


@pytest.mark.usefixtures("secret_object")
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_who_has_a_link_for_an_upload_can_not_make_it_a_copy(guarded: LocalAws, version: str) -> None:
    with closing(
        guarded.session().client("s3", endpoint_url=guarded.endpoint_url, config=Config(signature_version=version))
    ) as s3:
        link = s3.generate_presigned_url("put_object", Params={"Bucket": "secrets", "Key": "upload"})
    target = link.removeprefix(guarded.endpoint_url)
    assert ask(guarded, "PUT", target, {"x-amz-copy-source": "/secrets/key"})[0] == 403
    assert ask(guarded, "PUT", target + "&x-amz-copy-source=secrets%2Fkey", {})[0] == 403
    assert ask(guarded, "PUT", target, {})[0] == 200


def test_nobody_gets_keys_without_keys_where_iam_is_enforced(guarded: LocalAws) -> None:
    """The SDKs send this unsigned, with a token that nobody checks."""
    stranger = guarded.session().client(
        "sts", endpoint_url=guarded.endpoint_url, config=Config(signature_version=UNSIGNED)
    )
    role = "arn:aws:iam::000000000000:role/web"
    with closing(stranger), pytest.raises(ClientError, match="MissingAuthenticationToken"):
        stranger.assume_role_with_web_identity(RoleArn=role, RoleSessionName="me", WebIdentityToken="token")


def test_no_unsigned_websocket_reads_messages_where_iam_is_enforced(guarded: LocalAws) -> None:
    upgrade = {
        "Host": "iot.us-east-1.localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "mqtt",
    }
    keys = Credentials(*(guarded.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")))
    signed = AWSRequest("GET", "http://iot.us-east-1.localhost/mqtt", headers={"Host": upgrade["Host"]})
    SigV4QueryAuth(keys, "iotdevicegateway", "us-east-1").add_auth(signed)
    link = signed.prepare().url.removeprefix("http://iot.us-east-1.localhost")

    assert ask(guarded, "GET", link, upgrade)[0] == 101
    for headers in {}, {"Authorization": "Bearer x"}:
        assert ask(guarded, "GET", "/mqtt", {**upgrade, **headers})[0] == 403


def test_no_websocket_of_appsync_takes_a_forged_signature_where_iam_is_enforced(guarded: LocalAws) -> None:
    iam = [{"authType": "AWS_IAM"}]
    modes = dict.fromkeys(("connectionAuthModes", "defaultPublishAuthModes", "defaultSubscribeAuthModes"), iam)
    api = guarded.client("appsync").create_api(name="events", eventConfig={"authProviders": iam, **modes})["api"]
    forged = {"host": "x", "Authorization": "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/appsync/x"}
    shown = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    upgrade = {
        "Host": f"{api['apiId']}.appsync-realtime-api.us-east-1.localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": f"aws-appsync-event-ws, header-{shown}",
    }
    lines = ["GET /event/realtime HTTP/1.1", *(f"{name}: {value}" for name, value in upgrade.items()), "", ""]
    address = urlsplit(guarded.endpoint_url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        # Until the server closes it.
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert b"UnauthorizedException" in answer


def test_nobody_pulls_or_pushes_images_of_containers_without_a_token_where_iam_is_enforced(guarded: LocalAws) -> None:
    registry = guarded.client("ecr")
    registry.create_repository(repositoryName="images")
    token = registry.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    known = base64.b64encode(b"AWS:ministack-auth-token").decode()

    assert ask(guarded, "GET", "/v2/images/tags/list", {"Authorization": f"Basic {token}"})[0] == 200
    for headers in {}, {"Authorization": f"Basic {known}"}, {"Authorization": "Bearer x"}:
        for method, target in (
            ("GET", "/v2/images/tags/list"),
            ("PUT", "/v2/images/manifests/x"),
            ("GET", "/v2/_catalog"),
        ):
            assert ask(guarded, method, target, headers)[0] == 401


def test_its_files_are_where_only_its_user_can_read_them(guarded: LocalAws) -> None:
    directory = guarded.log.parent
    # What signs the tokens of Cognito is loaded with it.
    ask(guarded, "GET", "/oauth2/authorize", {})

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert list((directory / "state").iterdir())


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", CALLS),
        ("POST", "/_local_aws/faults"),
        ("POST", RESET),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/lambda-code/000000000000/us-east-1/f"),
        ("GET", "/_ministack/health/../config"),
    ],
)
def test_only_who_started_it_controls_it_where_iam_is_enforced(guarded: LocalAws, method: str, target: str) -> None:
    for headers in {}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}:
        assert ask(guarded, method, target, headers)[0] == 403
    assert guarded.calls("NoOperation") == []


def test_the_keys_of_a_function_are_not_derived_from_its_name(guarded: LocalAws) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = guarded.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    code = zipped({"index.py": "import boto3\nhandler = lambda *_: boto3.client('sts').get_caller_identity()['Arn']"})
    functions = guarded.client("lambda")
    function = {"FunctionName": "f", "Runtime": "python3.13", "Handler": "index.handler", "Role": role}
    arn = functions.create_function(**function, Code={"ZipFile": code})["FunctionArn"]
    assert json.load(functions.invoke(FunctionName="f")["Payload"]).endswith(":assumed-role/f/f")

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    known = digest(f"{arn}:{role}")
    keys = f"ASIA{known[:16].upper()}", digest(f"secret:{known}"), digest(f"token:{known}")
    stranger: Any = boto3.Session(*keys, region_name="us-east-1").client("sts", endpoint_url=guarded.endpoint_url)
    with closing(stranger), pytest.raises(ClientError):
        stranger.get_caller_identity()
