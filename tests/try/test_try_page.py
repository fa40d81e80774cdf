"""docs/try.md says what happens: its commands are run, all stages of a pipe in this process."""

import re
from pathlib import Path

from trying_cli import REPOSITORY, shown

PAGE = (REPOSITORY / "docs" / "try.md").read_text(encoding="utf-8")
CHANGING = re.compile(r'"alternatives":\[.*?\],|\d+\.\d+|\b[0-9a-z]{26}\b')
"""What a model trained anew says a little otherwise, and the request ids that the door derives."""


def test_the_commands_of_the_page_print_what_the_page_shows(tmp_path: Path) -> None:
    tables = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "reports.csv").write_text(tables[0], encoding="utf-8")
    (tmp_path / "points.csv").write_text(tables[1], encoding="utf-8")
    commands = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)

    assert len(commands) >= 4
    for command, expected in commands:
        assert CHANGING.sub("#", piped(command, tmp_path)) == CHANGING.sub("#", expected), command


def piped(command: str, folder: Path) -> str:
    """Run a pipe of `stormdrain try` as a shell does, and give what it prints."""
    output = ""
    for stage in command.split(" | "):
        words, _, file = stage.partition(" < ")
        program, verb, worker, *options = words.split()
        assert (program, verb) == ("stormdrain", "try")
        given = (folder / file).read_text(encoding="utf-8") if file else output
        output = shown(worker, given, *[str(folder / word) if word.endswith(".csv") else word for word in options])
    return output
