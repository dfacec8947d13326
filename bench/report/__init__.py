"""How the results are written: tables, plots and the file."""
