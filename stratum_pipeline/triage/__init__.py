"""Reading the queue: DuckDB views over the read model. Contract v1 and its server come next."""
