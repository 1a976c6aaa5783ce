"""`python -m eval_assets.cli`: the command line."""

from eval_assets.cli.main import main

if __name__ == "__main__":
    main()
