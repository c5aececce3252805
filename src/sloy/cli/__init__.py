"""The command line: `main` parses and answers for errors and signals; one file per command."""
