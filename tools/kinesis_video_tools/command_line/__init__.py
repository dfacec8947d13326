"""Code that the sub-commands of ``kinesis-video`` share: options, the AWS account, failures and exit codes.

`parser` has the options and the help texts, `account` the session and how long a command waits for AWS, `failures` the
two lines that a failure prints, `screen` the output on a terminal, and `exit_codes` the table of exit codes.
"""

from .account import AccountSession, Patience, add_account, region_of, session_of
from .exit_codes import ExitCode
from .failures import CommandError, explain
from .parser import Commands, Parser, add_command, add_json
from .run import run
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
