"""Drift: what a stack declares for its streams, against what the streams have.

`comparison` compares one stream, `stack` asks CloudFormation whether the stack is at rest and which streams it holds,
and `check` is what a stack's own function does when EventBridge invokes it. `check` needs the logging and the clients
of a function; the command line uses the other two.
"""

from .comparison import Difference, Drift, compare
from .stack import Stack, StackChangedError

__all__ = ["Difference", "Drift", "Stack", "StackChangedError", "compare"]
