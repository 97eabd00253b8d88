"""What cost rules share."""

import polars as pl


def monthly(amount: pl.Expr, source: pl.Expr) -> pl.Expr:
    """`amount` as a rule's `monthly_usd`, to the cent; its source joins the evidence with it."""
    return pl.when(source != "").then(amount.round(2))
