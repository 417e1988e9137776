"""The kinds of pictures: one module per kind, each thin."""
