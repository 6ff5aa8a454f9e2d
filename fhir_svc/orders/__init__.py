"""PURE: findings -> what is written, and what may happen to it. No clock, no chance, no IO, no clinical content."""
