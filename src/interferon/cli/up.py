"""`interferon up`: a network folder watched live, with the screens."""

import secrets
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from interferon.cli.progress import bar_of
from interferon.cli.replay import policy_of, rules_of, suppressions_of
from interferon.export.about import About
from interferon.runtime import feed_settings, outlet_settings, pager_settings
from interferon.runtime.openc2_consumer import Consumer
from interferon.runtime.outlets import Outlets
from interferon.runtime.pagers import Pagers
from interferon.runtime.service import FEEDS, STATE, Service, clock
from interferon.store import suppression_file, used_links
from interferon.store.accounts import Accounts
from interferon.store.folder import load
from interferon.store.journal import Journal, journal_place
from interferon.store.tokens import Tokens
from interferon.store.used_links import UsedLinks
from interferon.web.app import create_app
from interferon.web.ingest import Ingest
from interferon.web.live import LiveSource, policy_lines
from interferon.web.openc2 import OpenC2
from interferon.web.serve import Tls, check_binding, serve
from interferon.web.word import Links


def standing_by(holder: str) -> None:
    """Told while another node has the journal."""
    typer.echo(f"Standing by: node {holder} holds the effect journal; this one takes over when it stops.", err=True)


def register(app: typer.Typer) -> None:
    @app.command("up")
    def up(
        directory: Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.")],
        port: Annotated[int, typer.Option(help="Port of the screens.", min=0, max=65535)] = 8600,
        host: Annotated[str, typer.Option(help="Address to serve on; others than loopback need accounts and TLS.")] = "127.0.0.1",
        tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate with its chain.")] = None,
        tls_key: Annotated[Path | None, typer.Option(help="PEM key of the certificate.")] = None,
        journal: Annotated[
            str, typer.Option(help="Effect journal: a file, or postgresql:// for several nodes. Default: network.toml's.")
        ] = "",
        node: Annotated[str, typer.Option(help="This node's name among those that share a journal. Default: the machine's.")] = "",
    ) -> None:
        """Watch a network: reads DIR/feeds, learns, finds, and shows what it would do; with an effector, does it."""
        if (tls_cert is None) != (tls_key is None):
            raise typer.BadParameter("--tls-cert and --tls-key go together")
        tls = Tls(tls_cert, tls_key) if tls_cert and tls_key else None
        network = load(directory)
        accounts = Accounts(directory)
        check_binding(host, accounts.exists(), tls)
        policy, live, outlets = policy_of(directory), feed_settings.load(directory), outlet_settings.load(directory)
        pagers = pager_settings.load(directory)
        held = suppressions_of(directory)
        for note in suppression_file.expired(held, clock()):
            typer.echo(f"note: {note}", err=True)
        place = journal_place(directory, journal or network.settings.journal)
        with ExitStack() as stack:
            opened = stack.enter_context(Journal(place, node=node, standing_by=standing_by))
            service = Service(directory, network, policy, bar_of("closure table"), rules_of(directory), held, live, journal=opened)
            stack.enter_context(service)
            told = stack.enter_context(Outlets(outlets, directory, directory / STATE, About(version("interferon"), network), service.tell))
            source = LiveSource(service.running, policy_lines(policy), service.feed_states, lambda: dict(told.troubles))
            links = Links(used_links.secret(directory / STATE), UsedLinks(directory / STATE))
            stack.enter_context(Pagers(pagers, directory, directory / STATE, source.approvals, links.secret, clock, service.tell))
            tokens = Tokens(directory)
            commands = OpenC2(tokens, Consumer(service.running, opened))
            more = (Ingest(tokens, service.intake).router(), commands.router())
            screens = create_app(source, accounts, secrets.token_bytes(32), policy, tls=tls is not None, more=more, links=links)
            listening = f", listening to {', '.join(feed.name for feed in live)}" if live else ""
            typer.echo(f"Reading what lands in {directory / FEEDS}{listening}; stop with Ctrl-C.", err=True)
            serve(screens, host, port, tls, accounts.exists())
