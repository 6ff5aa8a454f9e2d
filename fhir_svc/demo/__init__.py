"""The embedded stack: sandbox EHR, sample patients, the demonstration. Never part of production."""
