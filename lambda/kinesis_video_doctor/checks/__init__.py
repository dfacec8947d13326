"""The checks: a file for each group, a function for each check. The function's name is the check's, with hyphens."""
