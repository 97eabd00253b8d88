"""What a materialisation shows in Dagster's UI."""

import dagster as dg
import polars as pl

ROWS = 10
_WIDTH = 80


def preview(frame: pl.DataFrame) -> dg.MetadataValue:
    """The first rows of `frame` as a Markdown table."""
    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_rows=ROWS,
        tbl_cols=-1,
        fmt_str_lengths=_WIDTH,
        tbl_width_chars=2000,
    ):
        return dg.MetadataValue.md(str(frame.head(ROWS)))
