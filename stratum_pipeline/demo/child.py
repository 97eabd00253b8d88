"""The child process: build the organization, listen, serve until the parent is gone."""

import json
import os
import signal
import sys
import threading
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from . import organization, planted, repairs
from .accounts import roster
from .front import Front


class Quiet(MotoRequestHandler):
    """moto's handler, without Nagle's algorithm: it held each answer back for 40 ms."""

    disable_nagle_algorithm = True

    def log(self, *args: Any, **kwargs: Any) -> None:
        """A scan is thousands of requests; nobody reads their log."""


def main(size: int, port: int) -> None:
    """Say in one line of JSON where we listen and which ids were drawn; serve till stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; we follow it
    members = roster(size)
    repairs.apply()
    names = organization.build(members)
    front = Front(members, planted.faults(members, names))
    server = make_server("127.0.0.1", port, front, threaded=True, request_handler=Quiet)
    sys.stdout.write(json.dumps({"port": server.port, "names": names}) + "\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)  # nothing here is worth the second that a tidy exit takes


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
