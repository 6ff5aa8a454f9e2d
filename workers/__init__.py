"""ENTRY: Celery workers and the relay. Only an opaque id ever enters the broker."""
