"""The guide to alerts is true: its workflows run, and tell what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.commandline import RUN_ID, CommandLine
from tests.subscribers.receivers import MailServer, WebServer

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL))
SHOWN = dedent(re.search(r"<!-- alert -->\n\n((?:    .*\n|\n)*)", PAGE).group(1)).rstrip() + "\n"

PAGER = (
    "#!/bin/sh\ncat > paged.json\nprintf '%s' \"$ORCHESTRA_ALERT_TEXT\" > paged\necho $1 > run\n"
)


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)


def redacted(text: str, folder: str) -> str:
    """The text of an alert without what differs from run to run."""
    text = RUN_ID.sub("RUN", text.replace(folder, "FOLDER"))
    return re.sub(r"(?m)^(host|started|took) .*$", r"\1 ANY", text)


def test_the_example_tells_what_the_page_says(cli):
    cli.file("nightly.yaml", FILES["nightly.yaml"]).file("page.sh", PAGER).file("load.sh", "")
    (cli.folder / "page.sh").chmod(0o755)
    with WebServer([200]) as server:
        cli.environ["HOOK"] = "http://%s/T0" % server.place
        result = cli.run("run", "nightly.yaml")
    assert result.code == 1
    assert sorted(result.err.splitlines()) == sorted(
        ["alert to page.sh sent", "alert to %s sent" % server.place]
    )
    told = redacted(cli.read("paged"), str(cli.folder))
    assert told == redacted(SHOWN, "/home/ann")
    assert redacted(server.posted[0].body["text"], str(cli.folder)) == told
    assert RUN_ID.fullmatch(cli.read("run").strip())


def test_the_mail_of_the_page_arrives(cli):
    with MailServer() as server:
        cli.environ["MAIL_HOST"] = server.place
        assert cli.file("mail.yaml", FILES["mail.yaml"]).run("run", "mail.yaml").code == 1
    assert [mail["To"] for mail in server.mails] == ["ops@example.org"]
