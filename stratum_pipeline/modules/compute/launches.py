"""What instances launched from a template come out as. Pure."""

from typing import Any

import polars as pl

Row = dict[str, Any]


def with_lax_versions(templates: pl.DataFrame) -> pl.DataFrame:
    """`templates` with `lax_versions`: live versions whose instances answer IMDSv1.

    What a version leaves open the region's default decides, and after that the image. A null
    element stands for a version of which that is unknown.
    """
    rows = templates.select("versions", "images", "default_tokens").iter_rows()
    lax = [_lax_versions(*row) for row in rows]
    return templates.with_columns(pl.Series("lax_versions", lax, pl.List(pl.Int64)))


def _lax_versions(
    versions: list[Row | None] | None, images: list[Row | None] | None, tokens: str | None
) -> list[int | None] | None:
    if versions is None:
        return None
    found: list[int | None] = []
    for version in versions:
        lax = None if version is None else _lax(version, images, tokens)
        if lax is not False:
            found.append(version["number"] if lax and version else None)
    return found


def _lax(version: Row, images: list[Row | None] | None, default: str | None) -> bool | None:
    tokens, endpoint = version["http_tokens"], version["metadata_endpoint"]
    if version["live"] is False or endpoint == "disabled" or tokens == "required":
        return False
    if tokens == "":
        tokens = default if default != "" else _image(version["image_id"], images)
    if None in (version["live"], endpoint, tokens):
        return None if tokens != "required" else False
    return tokens != "required"


def _image(image_id: str | None, images: list[Row | None] | None) -> str | None:
    """HttpTokens that the image brings; one by alias, or lost, may bring either."""
    if image_id == "":
        return "optional"
    known = {i["image_id"]: i["imds_v2"] for i in images or () if i}
    brings = known.get(image_id)
    return None if brings is None else "required" if brings else "optional"
