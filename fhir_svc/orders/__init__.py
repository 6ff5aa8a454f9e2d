"""PURE: a decision in, the resources to write out; what may happen to an order and what a signature covers."""
