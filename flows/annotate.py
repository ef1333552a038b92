"""The verbs `annotate ...`: the annotation server, and the round trip to the people who use it."""

from pathlib import Path

import click


@click.group()
def annotate() -> None:
    """Have people judge and mend plans."""


@annotate.command()
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("data/annotation"),
    show_default=True,
    help="Folder of its database, secrets and logs.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=6900, show_default=True, help="0: any that is free.")
@click.option("--annotators", type=click.IntRange(1, 1000), default=2, show_default=True, help="Accounts to have.")
@click.option("--redis", metavar="URL", default="", help="A Redis, in place of the one in memory.")
@click.option(
    "--search", metavar="URL", default="", help="An Elasticsearch or OpenSearch, in place of the embedded one."
)
def serve(data: Path, host: str, port: int, annotators: int, redis: str, search: str) -> None:
    """Run an annotation server (Argilla) with a web UI, until Ctrl-C.

    Installs it on first use, into an environment of its own. Accounts and their secrets are made at the first start.
    """
    from annotation.server.launch import Settings
    from annotation.server.serving import Server, serving
    from flows.console import say

    def show(server: Server) -> None:
        for line in server.prepared():
            say(line)
        names = ", ".join(account.username for account in server.accounts)
        say(f"annotation server: {server.url}")
        say(f"who can sign in: {names}")
        say(f"their passwords and API keys: {server.data.accounts}")
        say("Ctrl-C stops it; the data stays")

    def tell(text: str) -> None:
        say(text, err=True)

    with serving(Settings(data, host, port, annotators, redis, search), tell) as server:
        show(server)
        server.watch(tell)
    say("stopped", err=True)
