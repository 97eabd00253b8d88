"""Where bytes live: a local folder or S3, the layout of the data, the write-once vault.

The store knows keys, bytes and frames; what they mean is decided above it.
"""
