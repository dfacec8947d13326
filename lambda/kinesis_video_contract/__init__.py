"""Facts that constructs, functions and tools share, as data. A function's code contains the modules that it needs."""
