"""What the constructs, the functions and the tools must agree on, as data. A function is packed with what it needs."""
