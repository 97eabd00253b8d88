"""Tables, coverage, collection, rules: knows neither Dagster nor where bytes live."""
