"""`python -m sloy`: the command line."""

from sloy.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
