"""Print what pyproject.toml depends on, with the extras a town may need, a requirement a line, for the Dockerfile."""  # noqa: INP001 - a script, not a package

import argparse
import re
import tomllib
from pathlib import Path

EXTRAS = ("geo", "postgres")


def name_of(requirement: str) -> str:
    """Give the name in a requirement such as `psycopg[binary]>=3.2`."""
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower()


def requirements(pyproject: Path, without: list[str]) -> list[str]:
    """Give the requirements of a project and of `EXTRAS`, less those named in `without`."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    extras = [each for name in EXTRAS for each in project["optional-dependencies"][name]]
    every: list[str] = [*project["dependencies"], *extras]
    return [each for each in every if name_of(each) not in without]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pyproject", type=Path)
    parser.add_argument("--without", action="append", default=[], help="a dependency that a container does not need")
    found = parser.parse_args()
    print("\n".join(requirements(found.pyproject, found.without)))  # noqa: T201 - it is a filter
