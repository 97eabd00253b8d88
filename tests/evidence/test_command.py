"""What the command says to people, and what it ends with where nothing was tampered with."""

from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from stratum_pipeline.cli import app
from stratum_pipeline.evidence.verify import Verification, parse_anchor
from stratum_pipeline.store.ledger import entry_key
from stratum_pipeline.store.objects import LocalStore
from stratum_pipeline.store.vault import Vault

from .conftest import ENTRIES, Place

Evidence = Callable[..., Result]


@pytest.fixture
def evidence(monkeypatch: pytest.MonkeyPatch) -> Evidence:
    def run(place: Place | str, *arguments: str) -> Result:
        url = place if isinstance(place, str) else place.store.url("x").removesuffix("/x")
        monkeypatch.setenv("STRATUM_VAULT", url)
        return CliRunner().invoke(app, ["evidence", *arguments])

    return run


def test_a_clean_ledger(place: Place, evidence: Evidence):
    ran = evidence(place, "verify")
    assert ran.exit_code == 0
    head = place.ledger.head()
    assert "Clean" in ran.stdout
    assert "6 entries, 6 payloads" in ran.stdout
    assert f"{head.seq}:{head.digest}" in ran.stdout
    assert "not proven: that nothing was cut off after entry 6" in ran.stdout
    assert ("set its files' times" in ran.stdout) == isinstance(place.store, LocalStore)
    assert ("without versions" in ran.stdout) == isinstance(place.store, LocalStore)


def test_the_first_bad_entry_is_named(place: Place, evidence: Evidence):
    place.rewrite(entry_key(5), b"{}")
    place.rewrite(entry_key(3), place.data(3).replace(b"scanned", b"scenned"))
    ran = evidence(place, "verify")
    assert ran.exit_code == 4
    assert f"the first that is bad is {entry_key(3)}: entry 3 was altered" in ran.stdout
    assert f"{entry_key(5)} is not a whole ledger entry" in ran.stdout


def test_an_anchor_is_kept_and_given(place: Place, evidence: Evidence):
    printed = evidence(place, "anchor")
    assert printed.exit_code == 0
    assert parse_anchor(printed.stdout) == place.ledger.head()
    assert f"up to entry {ENTRIES} was cut off or rewritten" in printed.stderr
    proven = evidence(place, "verify", "--anchor", printed.stdout)
    assert proven.exit_code == 0
    assert "cut off" not in proven.stdout
    place.ledger.append("noted", {"kind": "person", "id": "x"}, lambda head: {})
    later = evidence(place, "verify", "--anchor", printed.stdout.strip())
    assert later.exit_code == 0
    assert f"cut off or rewritten after entry {ENTRIES}" in later.stdout


def test_what_nobody_refers_to_is_told_of_and_harmless(place: Place, evidence: Evidence):
    place.store.put("payload/" + "0" * 64 + ".parquet", b"")
    place.erase("payload/" + "0" * 64 + ".parquet")
    place.ledger.vault.create("ledger/notes.txt", b"")
    place.ledger.vault.create("payload/notes.txt", b"")
    orphan = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing
    place.ledger.vault.create(f"payload/{orphan}.parquet", b"")
    ran = evidence(place, "verify")
    assert ran.exit_code == 0
    for text in (f"no entry names payload/{orphan}", "ledger/notes.txt is no ledger entry"):
        assert text in ran.stdout
    assert "3 files that nothing refers to" in ran.stdout


BAD_ANCHORS = ("x", "5", "5:", f"0:{'0' * 64}", f"5:{'0' * 63}", f"-1:{'0' * 64}", f"5:{'g' * 64}")


@pytest.mark.parametrize("anchor", BAD_ANCHORS)
def test_what_is_no_anchor(evidence: Evidence, anchor: str):
    ran = evidence("never-made", "verify", f"--anchor={anchor}")
    assert ran.exit_code == 2
    assert "is no anchor: give it as" in " ".join(ran.stderr.replace("│", " ").split())


@pytest.mark.parametrize("verb", ["verify", "anchor"])
@pytest.mark.parametrize(
    ("vault", "says"),
    [
        ("never-made", "there is no entry in"),
        ("gs://bucket", "is no place to store"),
        ("s3://no-such-bucket/x", "create the bucket, or correct STRATUM_DATA or STRATUM_VAULT"),
    ],
)
def test_a_vault_that_cannot_be_read(
    aws: None, evidence: Evidence, verb: str, vault: str, says: str
):
    ran = evidence(vault, verb)
    assert ran.exit_code == 1
    assert says in ran.stderr
    assert "Clean" not in ran.stdout


def test_what_was_found_counts_though_the_rest_cannot_be_read(
    s3, evidence: Evidence, refuse: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
):
    place = Place(s3).fill()
    place.erase(entry_key(2))
    real = Vault.versions

    def versions(self: Vault, prefix: str = ""):
        if prefix == "payload/":
            refuse("ListObjectVersions", "AccessDenied")
        return real(self, prefix)

    monkeypatch.setattr(Vault, "versions", versions)
    ran = evidence(place, "verify")
    assert ran.exit_code == 4
    assert "entry 2 is not there" in ran.stdout
    assert "not read to its end" in ran.stderr
    assert "Clean" not in ran.stdout


def test_an_entry_that_a_listing_misses_is_no_gap(place: Place, monkeypatch: pytest.MonkeyPatch):
    """A folder read while others append may show the fourth and not yet the third."""
    real = Vault.versions

    def partial(self: Vault, prefix: str = ""):
        missed = {entry_key(2), entry_key(3)} if prefix == "ledger/" else set()
        return (one for one in real(self, prefix) if one.key not in missed)

    monkeypatch.setattr(Vault, "versions", partial)
    look = Verification(place.ledger.vault)
    assert list(look.findings()) == []
    assert look.entries == ENTRIES
