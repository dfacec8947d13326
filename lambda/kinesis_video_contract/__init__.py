"""Facts that the constructs, the functions and the tools share, as data. A function contains the modules it needs."""
