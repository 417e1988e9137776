"""Bytes, tables and arrays in; batches out. One module per format."""
