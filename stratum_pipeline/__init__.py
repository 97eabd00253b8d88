"""Stratum: AWS inventory, findings and audit evidence, computed from Parquet.

`scan_account` is the library; it is loaded when first used, so that importing the package
for anything else does not import every module.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scan import ScanResult, scan_account

__all__ = ["ScanResult", "scan_account"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import scan

    return getattr(scan, name)
