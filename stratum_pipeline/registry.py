"""The modules Stratum runs. Adding one: its folder, and its name here."""

from importlib import import_module

from .kernel.module import Module
from .kernel.rule import Rule

MODULES: tuple[Module, ...] = tuple(
    import_module(f"stratum_pipeline.modules.{name}").MODULE
    for name in (
        "iam",
        "compute",
        "networking",
        "rds",
        "s3",
        "dynamodb",
        "lambda_",
        "config",
        "ssm",
        "cost",
    )
)
RULES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.rules)


def module(name: str) -> Module:
    """The module of that name; KeyError names those that exist."""
    for candidate in MODULES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no module {name!r}; there are {', '.join(m.name for m in MODULES)}")
