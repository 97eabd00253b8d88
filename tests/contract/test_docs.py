"""docs/rules says what the rules say."""

from docs.rules import FOLDER, pages


def test_the_pages_are_those_of_the_rules_as_they_are():
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "stale: python -m docs.rules"
