"""The `stormdrain` command."""

import importlib
from types import MappingProxyType
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup


class _Verb(NamedTuple):
    """Where a command is, as `module:name`, and how it is listed."""

    where: str
    panel: str


VERBS = MappingProxyType(
    {
        "demo": _Verb("demo:demo", "Run"),
        "up": _Verb("up:up", "Run"),
        "send": _Verb("send:send", "Run"),
        "run": _Verb("run:run", "Run"),
        "crm": _Verb("crm:crm", "Run"),
        "broker": _Verb("broker:app", "Run"),
        "city": _Verb("city:app", "Your town"),
        "try": _Verb("try_:try_", "Your town"),
        "train": _Verb("train:train", "Your town"),
        "evaluate": _Verb("evaluate:evaluate", "Your town"),
        "learn-routes": _Verb("learn_routes:learn_routes", "Your town"),
        "route-diff": _Verb("route_diff:route_diff", "Your town"),
        "train-match": _Verb("train_match:train_match", "Your town"),
        "evaluate-match": _Verb("evaluate_match:evaluate_match", "Your town"),
        "settings": _Verb("settings:settings", "Operate"),
        "topics": _Verb("topics:app", "Operate"),
        "dead": _Verb("dead:app", "Operate"),
        "chaos": _Verb("chaos.command:chaos", "Develop"),
        "schemas": _Verb("schemas:app", "Develop"),
        "docs": _Verb("docs:docs", "Develop"),
    }
)


class _Verbs(TyperGroup):
    """Imports a command once it is asked for: a worker's process needs none of the others, nor what they import.

    Typer's own Click is Click's or a copy of it, by its version: hence no types of theirs.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - as above
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - as above
        if cmd_name in VERBS and cmd_name not in self.commands:
            self.commands[cmd_name] = _imported(cmd_name, VERBS[cmd_name])
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        if args and args[0] not in VERBS:  # what is suggested instead is looked for among those that are known
            for name in VERBS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def _imported(name: str, verb: _Verb) -> Any:  # noqa: ANN401 - as above
    module, _, what = verb.where.partition(":")
    found = getattr(importlib.import_module(f"services.cli.{module}"), what)
    alone = typer.Typer(rich_markup_mode=app.rich_markup_mode, pretty_exceptions_enable=False)
    alone.callback()(lambda: None)  # without it typer would make the only command the whole program
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name, rich_help_panel=verb.panel)
    else:
        alone.command(name, rich_help_panel=verb.panel)(found)
    return typer.main.get_group(alone).commands[name]


app = typer.Typer(
    cls=_Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # paragraphs are wrapped to the terminal, not where the source breaks them
    help="Carries a city's non-emergency reports (311) from the curb to the crew. Begin with: stormdrain demo",
)
app.callback()(lambda: None)


def run() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    run()
