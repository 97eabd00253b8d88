"""The pages of docs/rules: one per module, from its rules. `python -m docs.rules` writes them."""

from collections.abc import Iterator
from pathlib import Path

from stratum_pipeline.kernel.module import Module
from stratum_pipeline.kernel.permissions import actions
from stratum_pipeline.kernel.rule import NO_COST, Rule
from stratum_pipeline.registry import MODULES

FOLDER = Path(__file__).with_name("rules")
INDEX = "README.md"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*.md"):
        stale.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Text by file name."""
    found = {f"{module.name}.md": "\n".join(page(module)) + "\n" for module in MODULES}
    return {INDEX: "\n".join(index()) + "\n", **found}


def index() -> Iterator[str]:
    yield "# Rules\n"
    yield "Written by `python -m docs.rules` from the rules themselves.\n"
    yield "| module | rules | correlations | what it looks at |"
    yield "|---|---|---|---|"
    for module in MODULES:
        counts = f"{len(module.rules)} | {len(module.correlations)}"
        yield f"| [{module.name}]({module.name}.md) | {counts} | {module.doc} |"


def page(module: Module) -> Iterator[str]:
    yield f"# {module.name}\n"
    yield f"{module.doc}\n"
    yield f"[All modules]({INDEX})\n"
    yield "| rule | severity | title |"
    yield "|---|---|---|"
    for rule in module.rules:
        anchor = rule.id.replace(".", "")
        yield f"| [{rule.id}](#{anchor}) | {rule.severity} | {rule.title} |"
    for rule in module.rules:
        yield from section(rule)
    if module.correlations:
        yield "\n## Combinations\n"
        for one in module.correlations:
            beside = ", ".join(f"`{rule_id}`" for rule_id in one.beside)
            yield f"- `{one.rule}` beside {beside}: {one.because} Then {one.severity}."
    yield "\n## What it may call\n"
    yield ", ".join(f"`{action}`" for action in actions(module.operations))


def section(rule: Rule) -> Iterator[str]:
    yield f"\n## {rule.id}\n"
    yield f"**{rule.title}.** {rule.severity.capitalize()}, version {rule.version}.\n"
    yield f"{rule.rationale}\n"
    yield f"To fix it: {rule.remediation}\n"
    yield f"- Console: {rule.console}"
    yield f"- CLI: `{readable(rule.cli)}`"
    if rule.breaks:
        yield f"- What it may break: {rule.breaks}"
    if rule.undo:
        yield f"- To undo it: {readable(rule.undo)}"
    yield f"- Reads: {', '.join(f'`{fact(rule, name)}`' for name in rule.reads)}"
    if rule.monthly_usd is not NO_COST:
        yield "- Says what it costs a month."
    yield f"- SOC 2: {', '.join(rule.criteria) or 'none'}"


def fact(rule: Rule, name: str) -> str:
    source = rule.table.columns[name].source
    return f"{name}: {source}" if source else name


def readable(template: str) -> str:
    """A template as its reader will see it: doubled braces are one."""
    return template.replace("{{", "{").replace("}}", "}")


if __name__ == "__main__":
    main()
