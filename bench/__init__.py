"""Compares this library with what a user would pick instead: ``make bench``, or ``make bench ONLY=synth``."""
