"""Mean squared error with DuckDB."""

import sys

import duckdb

query = "select avg((y - yhat) * (y - yhat)) from read_csv($file)"
print(repr(duckdb.execute(query, {"file": sys.argv[1]}).fetchall()[0][0]))
