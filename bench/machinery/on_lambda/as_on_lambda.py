"""Stands before the handlers in Python on the local AWS, and adds what Lambda does there and the local AWS doesn't.

Lambda gives Python a root logger and writes lines of its own about each event; the local AWS waits 50 ms for the first
line of a function that writes none. And its ResponseURL is plain http, where AWS's is https.
"""

import importlib
import logging
import os
import sys

logging.basicConfig(level=os.environ["LOG_LEVEL"], stream=sys.stderr)

_module, _, _name = os.environ["REAL_HANDLER"].rpartition(".")
_real_handler = getattr(importlib.import_module(_module), _name)


def handler(event, context):
    event["ResponseURL"] = event["ResponseURL"].replace(os.environ["PLAIN_URL"], os.environ["TLS_URL"])
    try:
        return _real_handler(event, context)
    finally:
        print("END RequestId:", context.aws_request_id, file=sys.stderr, flush=True)
