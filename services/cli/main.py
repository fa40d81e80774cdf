"""The `stormdrain` command."""

import typer

from services.cli import broker, city, dead, schemas, topics
from services.cli.chaos.command import chaos
from services.cli.crm import crm
from services.cli.demo import demo
from services.cli.docs import docs
from services.cli.evaluate import evaluate
from services.cli.evaluate_match import evaluate_match
from services.cli.learn_routes import learn_routes
from services.cli.route_diff import route_diff
from services.cli.run import run as run_worker
from services.cli.send import send
from services.cli.settings import settings
from services.cli.train import train
from services.cli.train_match import train_match
from services.cli.try_ import try_
from services.cli.up import up

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # paragraphs are wrapped to the terminal, not where the source breaks them
    help="Carries a city's non-emergency reports (311) from the curb to the crew. Begin with: stormdrain demo",
)
app.command("demo", rich_help_panel="Run")(demo)
app.command("up", rich_help_panel="Run")(up)
app.command("send", rich_help_panel="Run")(send)
app.command("run", rich_help_panel="Run")(run_worker)
app.command("crm", rich_help_panel="Run")(crm)
app.add_typer(broker.app, name="broker", rich_help_panel="Run", help="A real Kafka here, without Docker or Java.")
app.add_typer(topics.app, name="topics", rich_help_panel="Operate", help="Plan, apply and check topics.yaml.")
app.add_typer(dead.app, name="dead", rich_help_panel="Operate")
app.command("chaos", rich_help_panel="Develop")(chaos)
app.command("settings", rich_help_panel="Operate")(settings)
app.add_typer(city.app, name="city", rich_help_panel="Your town", help="Check a town's files; make a town from a past.")
app.command("train", rich_help_panel="Your town")(train)
app.command("evaluate-match", rich_help_panel="Your town")(evaluate_match)
app.command("train-match", rich_help_panel="Your town")(train_match)
app.command("learn-routes", rich_help_panel="Your town")(learn_routes)
app.command("evaluate", rich_help_panel="Your town")(evaluate)
app.command("try", rich_help_panel="Your town")(try_)
app.command("route-diff", rich_help_panel="Your town")(route_diff)
app.add_typer(schemas.app, name="schemas", rich_help_panel="Develop", help="Render and check schemas/.")
app.command("docs", rich_help_panel="Develop")(docs)


def run() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    run()
