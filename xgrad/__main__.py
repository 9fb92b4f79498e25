"""``python -m xgrad``."""

from xgrad.cli import main

main()
