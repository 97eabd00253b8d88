"""Dagster assets: thin; they call scan, store and lifecycle."""

import warnings

import dagster as dg

# Backfill policies and partitioned checks are pinned with Dagster's version and tested here.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
