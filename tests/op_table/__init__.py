"""The families of the op table; `op_cases` puts them together."""
