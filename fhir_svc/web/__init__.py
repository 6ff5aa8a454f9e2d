"""ENTRY: HTTP in, HTTP out. Decides nothing clinical and never talks to the broker."""
