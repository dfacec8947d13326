"""What is compared: one file a comparison, each with a `run` that gives its part of the results."""
