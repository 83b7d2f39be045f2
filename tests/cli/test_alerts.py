"""`notify`: what reaches real servers and programs, and that a run is never changed by it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import Any, List

import pytest
from jsonschema import Draft202012Validator

from tests.cli.commandline import without_hint
from tests.cli.going import die, is_dead
from tests.reports.test_schemas import closed, schema_of
from tests.subscribers.receivers import MailServer, WebServer, silent_server

KEEP = "cat > alert.json; echo $ORCHESTRA_ALERT_TITLE >> titles"


def workflow(*entries: str, steps: str = "a: {run: 'exit 3'}", more: str = "") -> str:
    head = "version: 1\nname: nightly\nparams: {code: 3}\n" + more
    return head + "notify:\n%s\nsteps:\n  %s\n" % ("\n".join("  - " + e for e in entries), steps)


def keeping(*when: str, more: str = "") -> str:
    return "{when: [%s], command: [sh, -c, '%s']%s}" % (", ".join(when), KEEP, more)


def titles(cli) -> List[str]:
    path = cli.folder / "titles"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def alert(cli) -> Any:
    return json.loads(cli.read("alert.json"))


def owed(cli) -> List[str]:
    return [name for name in os.listdir(cli.folder / ".orchestra/alerts") if name != "lock"]


def wait_for(what) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def killed(cli, name: str, mark: str) -> str:
    """The id of a run of the file that was killed once its step had made the file `mark`."""
    process = cli.start("run", name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (cli.folder / mark).exists() and cli.read(mark).endswith("\n"))
    die(process)
    steps = int(cli.read(mark))
    os.killpg(steps, signal.SIGKILL)
    return json.loads(cli.run("runs", "--format", "json").out)["runs"][0]["run_id"]


LONG = "a: {run: 'echo begun; echo $$ > mark; exec sleep 100'}"


def test_a_failure_is_posted_with_its_cause_and_log(cli):
    steps = "a: {run: 'echo no such header; exit 3'}\n  b: {needs: a, run: 'true'}"
    with WebServer([204]) as server:
        cli.environ["HOOK"] = "http://%s/services/T0KEN" % server.place
        entry = "{webhook: '${{ env.HOOK }}?run=${{ run.id }}&state=${{ run.state }}'}"
        result = cli.file("p.yaml", workflow(entry, steps=steps)).run("run", "p.yaml")
    (posted,) = server.posted
    told = posted.body
    assert (result.code, result.err) == (1, "alert to %s sent\n" % server.place)
    assert posted.path == "/services/T0KEN?run=%s&state=failed" % told["run_id"]
    assert list(Draft202012Validator(closed(schema_of("alert"))).iter_errors(told)) == []
    assert (told["when"], told["title"]) == ("failure", "nightly failed: 1 of 2 steps")
    assert told["steps"] == {"failed": 1, "blocked": 1}
    assert told["failures"][0]["first_lines"] == ["no such header"]
    assert told["failures"][0]["log"].startswith(str(cli.folder))


def test_the_command_that_an_alert_names_shows_the_run(cli):
    cli.file("p.yaml", workflow(keeping("failure"))).run("run", "p.yaml")
    program, *arguments = alert(cli)["look"].split()
    shown = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd="/",
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nightly failed: 1 failed" in shown.stdout
    assert "alert: failure to sh sent\n" in shown.stdout


def test_a_failure_is_mailed_through_apprise(cli):
    with MailServer() as server:
        entry = "{url: 'mailto://%s?from=ci@example.org&to=ops@example.org&mode=insecure'}"
        cli.file("p.yaml", workflow(entry % server.place))
        result = cli.run("run", "p.yaml")
    assert (result.code, result.err) == (1, "alert to mailto://%s sent\n" % server.place)
    assert [mail["Subject"] for mail in server.mails] == ["nightly failed: 1 of 1 step"]


def test_a_thousand_failed_steps_make_one_alert_of_bounded_size(cli):
    steps = "\n  ".join("s%d: {command: ['false']}" % n for n in range(1000))
    with WebServer([200]) as server:
        entry = "{webhook: 'http://%s/'}" % server.place
        result = cli.file("p.yaml", workflow(entry, steps=steps)).run("run", "p.yaml", timeout=120)
    (posted,) = server.posted
    assert (result.code, posted.body["steps"]) == (1, {"failed": 1000})
    assert [group["count"] for group in posted.body["failures"]] == [1000]
    assert len(posted.body["text"]) < 2000


def test_success_failure_and_recovery_are_told_as_they_come(cli):
    steps = "a: {run: 'test 0 = ${{ params.code }}'}"
    cli.file("p.yaml", workflow(keeping("failure", "recovery", "success"), steps=steps))
    codes = [cli.run("run", "p.yaml", "-p", "code=%d" % code).code for code in (0, 3, 0, 0)]
    assert (codes, titles(cli)) == (
        [0, 1, 0, 0],
        [
            "nightly succeeded",
            "nightly failed: 1 of 1 step",
            "nightly works again",
            "nightly succeeded",
        ],
    )


def test_a_recovery_names_the_run_that_had_failed(cli):
    cli.file("p.yaml", workflow(keeping("recovery"))).run("run", "p.yaml")
    failed = json.loads(cli.run("runs", "--format", "json").out)["runs"][0]["run_id"]
    cli.file("p.yaml", workflow(keeping("recovery"), steps="a: {run: 'true'}")).run("run", "p.yaml")
    assert (alert(cli)["when"], alert(cli)["failed_before"]) == ("recovery", failed)


def test_handlers_are_no_steps_that_failed(cli):
    steps = "a: {run: 'exit 3', on_failure: {run: 'exit 4'}}"
    cli.file("p.yaml", workflow(keeping("failure"), steps=steps)).run("run", "p.yaml")
    assert titles(cli) == ["nightly failed: 1 of 1 step"]
    assert [group["steps"] for group in alert(cli)["failures"]] == [["a"]]


def test_another_file_that_failed_makes_no_recovery(cli):
    cli.file("q.yaml", workflow(keeping("success"))).run("run", "q.yaml")
    good = workflow(keeping("recovery"), steps="a: {run: 'true'}")
    assert cli.file("p.yaml", good).run("run", "p.yaml").err == ""
    assert titles(cli) == []


def test_a_run_that_a_person_stops_is_no_failure(cli):
    cli.file("p.yaml", workflow(keeping("failure", "recovery", "success"), steps=LONG))
    process = cli.start("run", "p.yaml")
    wait_for((cli.folder / "mark").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=180)
    assert (process.returncode, without_hint(err), titles(cli)) == (130, "", [])


def test_a_run_that_its_timeout_ended_is_a_failure(cli):
    cli.file("p.yaml", workflow(keeping("failure"), steps=LONG, more="timeout: 500ms\n"))
    assert cli.run("run", "p.yaml").code == 1
    assert alert(cli)["failures"][0]["reason"] == "run timeout"


def test_a_slow_run_is_told_once_while_it_runs(cli):
    steps = "a: {run: 'for i in $(seq 1000); do sleep 0.05; test -e alert.json && exit 0; done'}"
    entry = keeping("slow", "success", more=", slow_after: 300ms")
    result = cli.file("p.yaml", workflow(entry, steps=steps)).run("run", "p.yaml")
    assert (result.code, titles(cli)) == (0, ["nightly is slow: over 0.30s", "nightly succeeded"])
    report = json.loads(cli.run("show", "--format", "json").out)
    assert [(a["when"], a["ok"]) for a in report["alerts"]] == [("slow", True), ("success", True)]


def test_a_run_that_takes_no_longer_than_earlier_ones_is_not_slow(cli):
    cli.file("p.yaml", workflow(keeping("slow"), steps="a: {run: 'true'}"))
    results = [cli.run("run", "p.yaml").err for _ in range(4)]
    assert (results, titles(cli)) == ([""] * 4, [])


def test_a_slow_alert_that_hangs_neither_stops_the_run_nor_outlives_its_timeout(cli):
    script = "sleep 77 & echo $$ $! >> sleepers; exec sleep 77"
    entry = "{when: slow, slow_after: 1ms, timeout: 3s, command: [sh, -c, '%s']}" % script
    steps = "a: {run: sleep 0.2}\n  b: {needs: a, run: 'true'}"
    result = cli.file("p.yaml", workflow(entry, steps=steps)).run("run", "p.yaml")
    assert (result.code, result.err) == (
        0,
        "alert to sh could not be sent: no answer within 3s\n",
    )
    for pid in cli.read("sleepers").split():
        wait_for(partial(is_dead, int(pid)))  # who was killed dies when it has its turn


def test_a_server_that_never_answers_is_given_up_after_the_timeout(cli):
    with silent_server() as place:
        cli.file("p.yaml", workflow("{webhook: 'http://%s/', timeout: 1s}" % place))
        began = time.monotonic()
        result = cli.run("run", "p.yaml")
    assert (result.code, time.monotonic() - began < 60) == (1, True)
    assert result.err.startswith("alert to %s could not be sent: no answer" % place)


def test_what_alerts_do_changes_no_exit_code_and_is_recorded(cli):
    entries = (
        "{when: success, name: pager, command: [sh, -c, 'echo busy >&2; exit 9']}",
        "{when: success, command: [/nowhere/page]}",
        "{when: success, command: ['${{ params.nothing }}']}",
    )
    head = "version: 1\nparams: {nothing: {type: string}}\nnotify:\n"
    text = head + "".join("  - %s\n" % e for e in entries) + "steps: {a: {run: 'true'}}\n"
    result = cli.file("p.yaml", text).run("run", "p.yaml", "--report", "json=r.json")
    assert result.code == 0
    assert sorted(result.err.splitlines()) == [
        "alert to command could not be sent: command: null has no text (use default(x, ''))",
        "alert to page could not be sent: /nowhere/page: No such file or directory",
        "alert to sh could not be sent: exit code 9: busy",
        "warning: the alert notify[2] cannot be sent: command: null has no text "
        "(use default(x, ''))",
    ]
    recorded = json.loads(cli.read("r.json"))["alerts"]
    assert sorted((a["entry"], a["when"], a["ok"]) for a in recorded) == [
        ("notify[1]", "success", False),
        ("notify[2]", "success", False),
        ("pager", "success", False),
    ]


def test_alerts_are_events_after_the_end(cli):
    cli.file("p.yaml", workflow(keeping("failure")))
    events = [
        json.loads(line) for line in cli.run("run", "p.yaml", "--output", "json").out.splitlines()
    ]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["event"] for event in events[-2:]] == ["RunFinished", "AlertSent"]


@pytest.mark.parametrize("mode", ["plain", "stream", "quiet", "json"])
def test_every_view_takes_an_alert(cli, mode):
    cli.file("p.yaml", workflow(keeping("failure")))
    result = cli.run("run", "p.yaml", "--output", mode)
    assert (result.code, result.err.splitlines()[-1]) == (1, "alert to sh sent")


def test_ctrl_c_ends_the_sending_and_not_the_result(cli):
    entry = "{command: [sh, -c, 'echo $$ > mark; exec sleep 100']}"
    process = cli.file("p.yaml", workflow(entry)).start("run", "p.yaml")
    wait_for((cli.folder / "mark").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=180)
    assert (process.returncode, without_hint(err)) == (
        1,
        "alert to sh could not be sent: interrupted\n",
    )


def test_a_killed_run_is_told_by_the_next_run_once(cli):
    run_id = killed(cli.file("p.yaml", workflow(keeping("failure"), steps=LONG)), "p.yaml", "mark")
    assert (titles(cli), owed(cli)) == ([], [run_id + ".json"])
    cli.file("q.yaml", "version: 1\nsteps: {a: {run: 'true'}}\n")
    first = cli.run("run", "q.yaml")
    assert (first.code, first.err) == (0, "alert about run %s to sh sent\n" % run_id)
    assert (titles(cli), owed(cli)) == (["nightly was cut off"], [])
    assert (alert(cli)["state"], alert(cli)["run_id"]) == ("cut_off", run_id)
    assert alert(cli)["running"] == {"steps": ["a"], "count": 1}
    assert (cli.run("run", "q.yaml").err, len(titles(cli))) == ("", 1)
    assert "alert: failure to sh sent\n" in cli.run("show", run_id).out


def test_two_starters_tell_of_a_killed_run_once(cli):
    killed(cli.file("p.yaml", workflow(keeping("failure"), steps=LONG)), "p.yaml", "mark")
    cli.file("q.yaml", "version: 1\nsteps: {a: {run: sleep 0.3}}\n")
    starters = [cli.start("run", "q.yaml") for _ in range(4)]
    errors = [starter.communicate(timeout=180)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    assert (sum(error.count("sent") for error in errors), len(titles(cli))) == (1, 1)


def test_a_killed_run_counts_as_failed_before_a_recovery(cli):
    text = workflow(keeping("recovery"), steps=LONG)
    run_id = killed(cli.file("p.yaml", text), "p.yaml", "mark")
    cli.file("p.yaml", workflow(keeping("recovery"), steps="a: {run: 'true'}")).run("run", "p.yaml")
    assert (alert(cli)["when"], alert(cli)["failed_before"]) == ("recovery", run_id)


def test_nothing_that_an_expression_gives_is_left_on_the_disk(cli):
    cli.environ["HOOK"] = "http://127.0.0.1:1/T0P-S3CRET"
    entry = "{webhook: '${{ env.HOOK }}', timeout: 2s}"
    killed(cli.file("p.yaml", workflow(entry, steps=LONG)), "p.yaml", "mark")
    found = subprocess.run(["grep", "-r", "T0P-S3CRET", "."], cwd=cli.folder, check=False)
    assert found.returncode == 1
    result = cli.file("q.yaml", workflow(entry)).run("run", "q.yaml")
    assert "T0P-S3CRET" not in result.out + result.err
    found = subprocess.run(["grep", "-r", "T0P-S3CRET", "."], cwd=cli.folder, check=False)
    assert found.returncode == 1


@pytest.mark.parametrize("command", [["validate"], ["plan"], ["run", "--dry-run"]])
def test_who_only_looks_sends_nothing_and_imports_no_apprise(cli, command):
    cli.file("p.yaml", workflow(keeping("failure"), "{url: 'mailto://127.0.0.1:1'}"))
    script = (
        "import sys, atexit; sys.argv[0] = 'orchestra'\n"
        "slow = ('apprise', 'urllib.request')\n"
        "atexit.register(lambda: print(*(name in sys.modules for name in slow)))\n"
        "from orchestra.cli.app import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command, "p.yaml"],
        cwd=cli.folder,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False False"
    assert sorted(os.listdir(cli.folder)) == ["p.yaml"]


WITHOUT_APPRISE = """
import importlib.machinery as machinery, sys
find = machinery.PathFinder.find_spec
hide = lambda name, *more: None if name == "apprise" else find(name, *more)
machinery.PathFinder.find_spec = hide
sys.argv[0] = "orchestra"
from orchestra.cli.app import main
main()
"""


def test_a_run_says_at_its_start_that_apprise_is_missing(cli):
    steps = "a: {run: 'true'}"
    cli.file("p.yaml", workflow("{url: 'mailto://127.0.0.1:1'}", keeping("success"), steps=steps))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_APPRISE, "run", "p.yaml"],
        cwd=cli.folder,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines() == [
        "warning: the alert notify[0] cannot be sent: apprise is not installed; "
        "install orchestra[notify]",
        "alert to sh sent",
    ]


SECRET = "http://%s/T0P-S3CRET-PATH"


def holders(cli) -> str:
    """The files below the folder that hold the secret."""
    command = ["grep", "-r", "-l", "T0P-S3CRET", "."]
    return subprocess.run(command, cwd=cli.folder, stdout=subprocess.PIPE, check=False).stdout


def test_an_address_may_be_a_secret(cli):
    with WebServer([200]) as server:
        cli.environ["HOOK"] = SECRET % server.place
        text = workflow("{webhook: '${{ secrets.HOOK }}'}", more="secrets: [HOOK]\n")
        result = cli.file("p.yaml", text).run("run", "p.yaml")
    assert (result.code, result.err) == (1, "alert to %s sent\n" % server.place)
    assert [posted.path for posted in server.posted] == ["/T0P-S3CRET-PATH"]
    assert holders(cli) == b""


def test_a_killed_run_is_told_with_the_secrets_of_the_run_that_tells(cli):
    with WebServer([200]) as server:
        cli.environ["HOOK"] = SECRET % "127.0.0.1:1"
        more = "secrets: {HOOK: {env: HOOK}, ADDRESS: {command: [sh, hook.sh]}}\n"
        text = workflow("{webhook: '${{ secrets.ADDRESS }}'}", steps=LONG, more=more)
        cli.file("hook.sh", "echo $HOOK")
        run_id = killed(cli.file("p.yaml", text), "p.yaml", "mark")
        assert holders(cli) == b""
        cli.environ["HOOK"] = SECRET % server.place
        result = cli.file("q.yaml", "steps: {a: {run: 'true'}}\n").run("run", "q.yaml")
    assert result.err == "alert about run %s to %s sent\n" % (run_id, server.place)
    assert [posted.path for posted in server.posted] == ["/T0P-S3CRET-PATH"]
    assert holders(cli) == b""


def test_what_a_command_says_of_a_secret_is_masked(cli):
    cli.environ["TOKEN"] = "T0P-S3CRET-TOKEN"
    more = "secrets: [TOKEN]\nenv: {KEY: '${{ secrets.TOKEN }}'}\n"
    script = 'echo "$KEY $(printf %s "$KEY" | base64) $TOKEN." >&2; exit 1'
    text = workflow("{command: [sh, -c, '%s']}" % script, more=more)
    result = cli.file("p.yaml", text).run("run", "p.yaml")
    assert result.err == "alert to sh could not be sent: exit code 1: *** ***g== .\n"
    assert holders(cli) == b""


def test_a_secret_has_no_place_in_the_words_of_a_command(cli):
    more = "secrets: [TOKEN]\nenv: {KEY: '${{ secrets.TOKEN }}'}\n"
    entry = "{command: [page, '${{ secrets.TOKEN }}', '${{ env.KEY }}']}"
    result = cli.file("p.yaml", workflow(entry, more=more)).run("validate", "p.yaml")
    assert result.code == 2
    assert "`secrets` cannot be used here" in result.err
    assert "`env.KEY` may hold a secret, and cannot be used here" in result.err
