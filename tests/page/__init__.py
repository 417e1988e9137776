"""The page: what it holds, and what it does in a browser."""
