"""No single change to a ledger goes unseen, whatever the ledger and whichever the change."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stratum_pipeline.evidence.verify import Verification
from stratum_pipeline.store.encoding import canonical, digest
from stratum_pipeline.store.errors import AlreadyExists
from stratum_pipeline.store.ledger import GENESIS, Head, Ledger, entry_key
from stratum_pipeline.store.objects import ObjectStore, Stored
from stratum_pipeline.store.vault import Vault, payload_key

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Memory(ObjectStore):
    """Bytes under keys; all were stored at AT."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def url(self, key: str) -> str:
        return key

    def find(self, key: str) -> bytes | None:
        return self.held.get(key)

    def exists(self, key: str) -> bool:
        return key in self.held

    def create(self, key: str, data: bytes) -> None:
        if key in self.held:
            raise AlreadyExists(key)
        self.held[key] = data

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        return iter(sorted(k for k in self.held if k.startswith(prefix) and k > after))

    def versions(self, prefix: str = "") -> Iterator[Stored]:
        return (Stored(key, "", AT) for key in self.list(prefix))


texts = st.text(max_size=5)
bodies = st.dictionaries(texts, texts | st.integers() | st.lists(texts), max_size=3)
actors = st.fixed_dictionaries({"kind": texts, "id": texts})
bulks = st.lists(st.binary(min_size=1, max_size=9), max_size=2)
entries = st.tuples(texts, actors, bodies, bulks)


def written(said: list[tuple[str, dict[str, str], dict[str, Any], list[bytes]]]) -> Memory:
    store, prev = Memory(), GENESIS
    for seq, (kind, actor, body, bulk) in enumerate(said, 1):
        for name, data in zip(("events", "scans"), bulk, strict=False):
            store.held[payload_key(digest(data))] = data
            body = body | {name: digest(data)}
        raw = {"v": 1, "id": f"{seq}", "seq": seq, "prev": prev, "at": AT.isoformat()}
        store.held[entry_key(seq)] = canonical(raw | {"actor": actor, "kind": kind, "body": body})
        prev = digest(store.held[entry_key(seq)])
    return store


def verified(store: Memory, anchor: Head | None = None) -> Verification:
    look = Verification(Vault(store), anchor)
    for _ in look.findings():
        pass
    return look


@settings(max_examples=150, deadline=None)
@given(said=st.lists(entries, min_size=2, max_size=6), data=st.data())
def test_no_change_goes_unseen(said: list, data: st.DataObject):
    store = written(said)
    head = Ledger(Vault(store)).head()
    clean = verified(store, head)
    assert (clean.first, clean.entries, clean.head) == (None, len(said), head)
    assert not clean.counts

    before, last = dict(store.held), entry_key(len(said))
    one, other = (data.draw(st.sampled_from(sorted(before))) for _ in range(2))
    act = data.draw(st.sampled_from(["byte", "delete", "swap", "copy", "again", "rename"]))
    beyond = entry_key(len(said) + data.draw(st.integers(1, 3)))
    touched = {one}
    if act == "byte":
        at = data.draw(st.integers(0, len(before[one]) - 1))
        byte = before[one][at] ^ data.draw(st.integers(1, 255))
        store.held[one] = before[one][:at] + bytes([byte]) + before[one][at + 1 :]
    elif act == "delete":
        del store.held[one]
    elif act == "swap":
        store.held[one], store.held[other] = before[other], before[one]
        touched = {one, other}
    elif act == "copy":
        store.held[other] = before[one]
        touched = {other}
    elif act == "again":
        store.held[beyond] = before[one]
        touched = {beyond}
    else:
        store.held[beyond] = store.held.pop(one)
        touched = {one, beyond}
    assume(store.held != before)

    assert verified(store, head).first is not None
    # Only the last entry has none after it that would tell, and needs the anchor.
    if touched != {last}:
        first = verified(store).first
        assert first is not None
        if len(touched) == 1 and one.startswith("ledger/") and act in ("byte", "delete"):
            assert first.key == one
