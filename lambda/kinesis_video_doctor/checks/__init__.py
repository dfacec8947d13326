"""The checks: a file for each group, a function for each check, which is given what it reads."""
