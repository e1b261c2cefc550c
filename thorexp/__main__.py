"""`python -m thorexp`."""

from thorexp.app import main

if __name__ == "__main__":
    main()
