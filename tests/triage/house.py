"""A service over an estate, with people who are believed, in this process or on a port."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import uvicorn

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems
from stratum_pipeline.triage.client import Client, Transport
from stratum_pipeline.triage.current import Pace
from stratum_pipeline.triage.server import create
from stratum_pipeline.triage.service import Service
from tests.lifecycle.make import A, account, fail, hour

from .places import Estate

MANY = 250
BUCKETS = [f"b{n}" for n in range(MANY)]
ROLES = {"vic": "viewer", "ann": "triager", "tom": "triager", "abe": "approver"}


AT_ONCE = Pace(every=0, patience=30)
"""Whoever reads looks, and waits for what there is."""


class Door:
    """Believes whatever name the token is."""

    mode = "oidc"

    def who(self, headers: Mapping[str, str], address: str | None) -> c.Me:
        sent = {name.lower(): value for name, value in headers.items()}
        name = sent.get("authorization", "").removeprefix("Bearer ")
        if name not in ROLES:
            raise problems.unauthenticated("who are you?")
        return c.Me(id=name, role=c.Role(ROLES[name]), assurance="oidc", mode="oidc")

    def session(self, me: c.Me) -> c.Session:
        return c.Session(token=me.id, expires_at=hour(10**6))


class House:
    """A service over an estate, its clock, and clients of one transport."""

    def __init__(self, folder: Path) -> None:
        self.estate, self.now = Estate.at(folder), hour(10**6)
        self.service = Service(self.estate.data, self.estate.ledger, lambda: self.now, AT_ONCE)
        self.transport: Transport
        self.url = ""

    def fill(self) -> None:
        self.estate.accounts(account(A))
        self.estate.scan(A, *(fail(name) for name in BUCKETS))
        self.estate.record()
        self.estate.publish(self.now)

    def __getitem__(self, name: str) -> Client:
        return Client(self.transport, {"Authorization": f"Bearer {name}"})

    def count(self, status: str, name: str = "vic") -> int:
        return self[name].findings(c.FindingsQuery(status=(status,), limit=1)).total  # type: ignore[arg-type]


@contextlib.contextmanager
def serving(service: Service) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create(service, Door()), log_config=None))  # type: ignore[arg-type]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
