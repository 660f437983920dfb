"""The program `deepforest`, also as `python -m deepforest`."""

import sys

NEEDED = ("typer", "click", "rich")


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    try:
        from deepforest.cli import app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in NEEDED:
            raise
        sys.exit(
            f"The command deepforest needs {missing}, which is missing: pip install 'gcforest[cli]'"
        )
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="deepforest")


if __name__ == "__main__":
    main()
