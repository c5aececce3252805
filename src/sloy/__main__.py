"""`python -m sloy`: the command line."""

from sloy.cli.start import start

if __name__ == "__main__":
    raise SystemExit(start())
