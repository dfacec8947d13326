"""Code that the sub-commands of ``kinesis-video`` share: options, the AWS account, failures and exit codes.

`parser` has the help texts and the exit codes, `account` the session and how long a command waits for AWS, `failures`
how a command ends, and `screen` the output on a terminal.
"""

from .account import AccountSession, Patience, add_account, region_of, session_of
from .failures import CommandError, explain, run
from .parser import Commands, ExitCode, Parser, add_command, add_json
from .screen import say, show_progress, shows_colour

__all__ = [
    "AccountSession",
    "CommandError",
    "Commands",
    "ExitCode",
    "Parser",
    "Patience",
    "add_account",
    "add_command",
    "add_json",
    "explain",
    "region_of",
    "run",
    "say",
    "session_of",
    "show_progress",
    "shows_colour",
]
