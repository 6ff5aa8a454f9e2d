"""Ports for servers that cannot choose one themselves: free now, and nobody is given one of them unasked."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _MANY = 20_000, 12_000  # below 32768, where systems begin to hand out ports of their own accord
_turn = itertools.count()


def free_port() -> int:
    """Give a port of loopback that is free, another one at each call; processes begin at different places."""
    for number in _turn:
        port = _FIRST + (os.getpid() * 97 + number) % _MANY
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError
