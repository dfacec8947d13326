"""Runs the CDK CLI against a local AWS."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .server import LocalAws

App = str | Path | Sequence[str]

_ACCOUNT = "000000000000"


class CdkError(RuntimeError):
    """The CDK CLI failed or is missing; the message contains its standard output and standard error."""


class Cdk:
    """The CDK CLI on a local AWS.

    Parameters
    ----------
    aws
        The local AWS to deploy to.
    echo
        Print the CLI's output while it runs.
    cli
        The CLI to run; by default the one in ``node_modules`` of the working directory or of a folder above it,
        otherwise the one of the PATH.

    Raises
    ------
    CdkError
        If there is no CLI.

    Examples
    --------
    >>> with LocalAws() as aws, Cdk(aws) as cdk:
    ...     cdk.bootstrap()
    ...     cdk.deploy("app.py")
    """

    def __init__(self, aws: LocalAws, *, echo: bool = False, cli: Path | None = None) -> None:
        self._aws = aws
        self._echo = echo
        self._cli = (cli or _find_cli()).absolute()
        self._directory = tempfile.TemporaryDirectory(prefix="local-aws-cdk-")

    def __enter__(self) -> Self:
        """Return the CLI, ready to run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the cloud assemblies of the apps."""
        self._directory.cleanup()

    def bootstrap(self) -> str:
        """Bootstrap the environment of the local AWS's Region; return what the CLI printed."""
        region = self._aws.environment["AWS_REGION"]
        # In a directory without a cdk.json, since otherwise the CLI would synthesise the app first.
        return self.run("bootstrap", f"aws://{_ACCOUNT}/{region}", directory=self._directory.name)

    def synth(self, app: App, *, context: Mapping[str, str] | None = None, arguments: Sequence[str] = ()) -> Path:
        """Synthesise an app; return the directory of its cloud assembly, which ends with this object.

        The parameters are those of ``deploy``, for ``cdk synth``. Synthesis takes most of the time of a deployment, so
        synthesise an app only once if you both deploy and destroy it.

        Raises
        ------
        CdkError
            If the CLI fails.
        """
        output = self._new_directory()
        self._run_app("synth", app, (), context, ["--quiet", *arguments], output)
        return Path(output)

    def deploy(
        self, app: App, *stacks: str, context: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> str:
        """Deploy stacks of an app; return what the CLI printed.

        Parameters
        ----------
        app
            A Python file, which this Python runs; the directory of a cloud assembly; or a command as a list.
        stacks
            The stacks to deploy; all of them by default.
        context
            Context values, as ``--context`` takes them.
        arguments
            Further arguments of ``cdk deploy``.

        Raises
        ------
        CdkError
            If the CLI fails.
        """
        # The direct method skips the change set and the wait for its execution.
        options = ["--require-approval", "never", "--method", "direct", "--progress", "events", *arguments]
        return self._run_app("deploy", app, stacks, context, options)

    def destroy(
        self, app: App, *stacks: str, context: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> str:
        """Destroy stacks of an app; return what the CLI printed. The parameters are those of ``deploy``."""
        return self._run_app("destroy", app, stacks, context, ["--force", *arguments])

    def outputs(self, stack: str) -> dict[str, str]:
        """Read the outputs of a deployed stack.

        Parameters
        ----------
        stack
            Its name.
        """
        (found,) = self._aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def run(self, command: str, *arguments: str, directory: str | Path = ".") -> str:
        """Run any command of the CLI, and return its output.

        Parameters
        ----------
        command
            The command, such as ``diff``.
        arguments
            Its arguments.
        directory
            Where it runs, and looks for a cdk.json; by default the working directory.

        Raises
        ------
        CdkError
            If the CLI fails.
        """
        line = [str(self._cli), command, *arguments, "--no-notices", "--ci", "--no-color"]
        process = subprocess.Popen(
            line,
            cwd=directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        printed = []
        with process:
            assert process.stdout
            try:
                for text in process.stdout:
                    printed.append(text)
                    if self._echo:
                        sys.stdout.write(text)
                        sys.stdout.flush()
            except BaseException:
                # The group includes the app that the CLI may be running.
                os.killpg(process.pid, signal.SIGTERM)
                raise
        output = "".join(printed)
        if process.returncode != 0:
            raise CdkError(f"cdk {command} failed with exit code {process.returncode}:\n{output}")
        return output

    def _run_app(
        self,
        command: str,
        app: App,
        stacks: Sequence[str],
        context: Mapping[str, str] | None,
        options: Sequence[str],
        output: str | None = None,
    ) -> str:
        arguments = [*(stacks or ["--all"]), *options, "--app", _app_option(app)]
        if not _is_assembly(app):
            # Keep the cloud assemblies out of the project.
            arguments += ["--output", output or self._new_directory()]
        for name, value in (context or {}).items():
            arguments += ["--context", f"{name}={value}"]
        return self.run(command, *arguments)

    def _new_directory(self) -> str:
        return tempfile.mkdtemp(dir=self._directory.name)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **inherited,
            **self._aws.environment,
            # For apps without an explicit environment.
            "CDK_DEFAULT_ACCOUNT": _ACCOUNT,
            "CDK_DEFAULT_REGION": self._aws.environment["AWS_REGION"],
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            # Like npx, run the CLI with the project's own Node.js, if it has one.
            "PATH": f"{self._cli.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            # Ignore the developer's configuration and profiles.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def _find_cli() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        cli = folder / "node_modules" / ".bin" / "cdk"
        if cli.exists():
            return cli
    if found := shutil.which("cdk"):
        return Path(found)
    raise CdkError(f"There is no CDK CLI in `node_modules` of {here} or on the PATH, run `npm install aws-cdk` there")


def _is_assembly(app: App) -> bool:
    return isinstance(app, str | Path) and Path(app).is_dir()


def _app_option(app: App) -> str:
    if not isinstance(app, str | Path):
        return shlex.join(app)
    path = str(Path(app).resolve())
    return path if _is_assembly(app) else shlex.join([sys.executable, path])
