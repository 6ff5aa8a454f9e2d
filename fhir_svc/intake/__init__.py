"""PURE: bytes in, accepted submission or issues out. No clock, no IO, no SQL."""
