"""EDGE: the only room that calls out."""
