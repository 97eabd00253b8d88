"""What scans and people write names all its payloads: none would be lost unseen."""

from datetime import UTC, datetime
from pathlib import Path

from stratum_pipeline.evidence.verify import Verification
from stratum_pipeline.lifecycle import triage as said
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault
from tests.lifecycle.conftest import Place
from tests.lifecycle.make import ANN, fail, fid


def test_every_payload_is_named(tmp_path: Path):
    ledger = Ledger(Vault(LocalStore(tmp_path / "vault")))
    place = Place(ledger, Data(LocalStore(tmp_path / "data")))
    names = [f"bucket-{n}" for n in range(said.INLINE + 1)]
    place.scan(1, *(fail(name) for name in names))
    place.record()
    ids = [fid(name) for name in names]
    for some in (ids, ids[:1]):
        said.triage(ledger, ANN, Kind.NOTED, some, note="seen", now=datetime.now(UTC))
    look = Verification(ledger.vault)
    assert list(look.findings()) == []
    assert (look.entries, look.payloads) == (3, 5)
