"""What moto lacks, or answers otherwise than AWS does: a file per service, each with `apply`.

Each function there stands in for one of moto's and says what was wrong with it.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from moto.core import responses


def apply() -> None:
    """Once, before anything is built."""
    for service in iter_modules(__path__):
        import_module(f"{__name__}.{service.name}").apply()
    # Every request has moto list the methods of its class again, a tenth of the work.
    moto: Any = responses
    moto.method_names_from_class = cache(moto.method_names_from_class)
