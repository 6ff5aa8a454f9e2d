"""EDGE: the only room that speaks SQL. A fact and the next piece of work are one transaction."""
