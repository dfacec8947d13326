"""The checks: a file for each group, a function for each check, whose parameters are the data that it reads."""
