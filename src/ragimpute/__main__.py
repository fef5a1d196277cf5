"""`python -m ragimpute VERB`, the same as the installed command."""

from ragimpute.cli import main

main()
