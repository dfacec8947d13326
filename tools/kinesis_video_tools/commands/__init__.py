"""The sub-commands of ``kinesis-video``. Each has `add_to`, which adds its parser and names what it runs."""
