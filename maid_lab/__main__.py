"""`python -m maid_lab …` is `maid …`."""

from maid_lab.cli.entry import main

if __name__ == "__main__":
    main()
