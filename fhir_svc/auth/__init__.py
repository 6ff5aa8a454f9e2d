"""EDGE: who is calling, as an Actor."""
