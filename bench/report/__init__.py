"""How the results are written: tables and the file."""
