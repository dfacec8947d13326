"""Code that the sub-commands of ``kinesis-video`` share: options, the AWS account, failures and exit codes.

`parser` has the help texts and the exit codes, `account` the session and how long a command waits for AWS, `failures`
how a command ends, and `screen` the output on a terminal.
"""
