"""Cases of tests, played in virtual time."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from orchestra.cli.trying import try_file
from orchestra.errors import WorkflowError
from orchestra.model.verdict import Tried

ORDINARY = """
version: 1
steps:
  fetch:
    run: ./fetch
    outputs: {rows: int, names: json}
    retry:
      {max: 3, delay: 10s, backoff: 2, when: {exit_codes: [75], timeout: true, output: reset}}
    timeout: 1h
  load:
    needs: fetch
    if: steps.fetch.outputs.rows > 0
    run: load ${{ steps.fetch.outputs.rows }}
  tidy: {needs: load, if: always(), run: tidy}
"""


class Folder:
    """Where the files of a test are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tried(self, workflow: str, tests: str, **others: str) -> Tried:
        files = {"p": workflow, "p.test": "workflow: p.yaml\n" + textwrap.dedent(tests), **others}
        for name, text in files.items():
            (self.path / (name + ".yaml")).write_text(textwrap.dedent(text), encoding="utf-8")
        return try_file(str(self.path / "p.test.yaml"))

    def otherwise(self, workflow: str, tests: str, **others: str) -> Dict[str, List[Tuple]]:
        """What came otherwise, by the names of the cases."""
        return {
            verdict.name: [
                (each.about, each.wanted, each.came or each.hint) for each in verdict.mismatches
            ]
            for verdict in self.tried(workflow, tests, **others).verdicts
        }

    def faults(self, workflow: str, tests: str) -> List[Tuple[int, int, str, str]]:
        """What is wrong with the file, as line, column, what, and what to do."""
        with pytest.raises(WorkflowError) as caught:
            self.tried(workflow, tests)
        return [(f.line, f.column, f.message, f.suggestion) for f in caught.value.faults]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_what_nothing_is_said_of_succeeds_in_its_duration(folder):
    workflow = "steps: {a: {run: x, duration: 2m}, b: {needs: a, run: x}}"
    tests = """
    given: {duration: 1s}
    cases:
      c: {expect: {state: succeeded, elapsed: 2m1s, steps: {b: {started_at: 2m, ended_at: 2m1s}}}}
    """
    assert folder.otherwise(workflow, tests) == {"c": []}


def test_attempts_go_as_they_are_listed_and_the_last_result_holds_on(folder):
    tests = """
    cases:
      comes right:
        given:
          steps:
            fetch:
              [75, timeout, {exit_code: 1, log: "x\\nreset", duration: 5s}, {outputs: {rows: 2}}]
        expect:
          elapsed: 1h1m15s
          steps: {fetch: {attempts: 4, state: succeeded, reason: attempt 4}, load: succeeded}
      never does:
        given: {steps: {fetch: [75]}}
        expect:
          state: failed
          elapsed: 1m10s
          steps: {fetch: {attempts: 4, reason: exit code 75}, load: blocked, tidy: succeeded}
      for another cause:
        given: {steps: {fetch: [1, success]}}
        expect: {steps: {fetch: {attempts: 1, state: failed}}}
    """
    assert folder.otherwise(ORDINARY, tests) == {
        "comes right": [],
        "never does": [],
        "for another cause": [],
    }


def test_what_comes_otherwise_is_told_beside_what_was_expected(folder):
    tests = """
    given: {steps: {fetch: {outputs: {rows: 0}}}}
    cases:
      c:
        given: {steps: {tidy: {signal: SIGSEGV, duration: 3s}}}
        expect:
          state: succeeded
          exit_code: 0
          elapsed: 5s
          outputs: {}
          alerts: [failure]
          order: [tidy before fetch, load before tidy]
          steps:
            fetch: {attempts: 2, outputs: {rows: 1}, instances: 3}
            load: [succeeded, failed]
            tidy: {state: succeeded, reason: code, started_at: 1s, ended_at: 2s}
    """
    assert folder.otherwise(ORDINARY, tests) == {
        "c": [
            ("state", "succeeded", "failed"),
            ("exit code", "0", "1"),
            ("elapsed", "5s", "3s"),
            ("alerts", "failure", "none"),
            ("order", "tidy before fetch", "`fetch` started before `tidy` had ended"),
            ("order", "load before tidy", "`load` never started"),
            ("`fetch` attempts", "2", "1"),
            ("`fetch` output `rows`", "1", "0"),
            ("`fetch` instances", "3", "0"),
            (
                "`load` state",
                "succeeded or failed",
                "skipped, if: steps.fetch.outputs.rows > 0 (steps.fetch.outputs.rows is 0)",
            ),
            ("`tidy` state", "succeeded", "failed, killed by SIGSEGV"),
            ("`tidy` reason", "code", "killed by SIGSEGV"),
            ("`tidy` started at", "1s", "0s"),
            ("`tidy` ended at", "2s", "3s"),
        ]
    }


def test_a_mismatch_has_its_place_in_the_file_and_the_story_of_its_step(folder):
    tests = (
        "cases:\n  c:\n    given: {steps: {fetch: 7}}\n    expect: {steps: {fetch: succeeded}}\n"
    )
    [verdict] = folder.tried(ORDINARY, tests).verdicts
    [mismatch] = verdict.mismatches
    assert (verdict.line, verdict.column) == (3, 3)
    assert (mismatch.line, mismatch.column, mismatch.steps) == (5, 29, ("fetch",))
    assert [type(envelope.event).__name__ for envelope in verdict.story] == [
        "AttemptStarted",
        "AttemptLaunched",
        "AttemptEnded",
        "StepEnded",
        "RunFinished",
    ]


def test_an_output_that_is_asked_for_and_not_given_is_told(folder):
    tests = """
    cases:
      asked: {expect: {state: succeeded}}
      not asked: {given: {steps: {fetch: failure}}, expect: {state: failed}}
      wrong: {given: {steps: {fetch: {outputs: {rows: many}}}}, expect: {state: succeeded}}
    """
    hint = "write `fetch: {outputs: {rows: 3}}` under `given.steps`"
    assert folder.otherwise(ORDINARY, tests) == {
        "asked": [("`fetch` has no output `rows` here, and an expression asks for it", "", hint)],
        "not asked": [],
        "wrong": [
            (
                "`fetch`: output `rows` is 'many', which is no int",
                "",
                "the workflow says what type it has",
            ),
            ("`fetch` has no output `rows` here, and an expression asks for it", "", hint),
        ],
    }


def test_outputs_of_the_workflow_are_asked_for_where_they_are_expected(folder):
    workflow = """
    version: 1
    steps: {a: {run: x, outputs: {n: int}}}
    outputs: {n: "${{ steps.a.outputs.n }}", bad: "${{ 1 / (default(steps.a.outputs.n, 1) - 3) }}"}
    """
    tests = """
    cases:
      not expected: {expect: {state: succeeded}}
      not given: {expect: {outputs: {n: 3}}}
      not made: {given: {steps: {a: {outputs: {n: 3}}}}, expect: {outputs: {n: 3}}}
      not succeeded: {given: {steps: {a: failure}}, expect: {outputs: {n: 3}}}
      other: {given: {steps: {a: {outputs: {n: 2}}}}, expect: {outputs: {n: 3, bad: -1}}}
    """
    found = folder.otherwise(workflow, tests)
    [[about, _, _]] = found.pop("not given")
    assert about == "`a` has no output `n` here, and an expression asks for it"
    assert found == {
        "not expected": [],
        "not made": [("output `n`", "3", "outputs.bad: division by zero")],
        "not succeeded": [("output `n`", "3", "none: the workflow failed")],
        "other": [("output `n`", "3", "2")],
    }


def test_a_list_that_comes_from_a_step_fans_out(folder):
    workflow = """
    version: 1
    steps:
      list: {run: x, outputs: {files: json}}
      convert:
        needs: list
        foreach: ${{ steps.list.outputs.files }}
        max_parallel: 1
        fail_fast: true
        run: convert ${{ item }}
        outputs: {rows: int}
      total: {needs: convert, require: [{if: sum(steps.convert.outputs.rows) > 3, message: few}]}
    """
    tests = """
    given:
      steps:
        list: {outputs: {files: [a, b, c]}}
        convert: {duration: 1m, outputs: {rows: 2}}
    cases:
      all: {expect: {elapsed: 3m, steps: {convert: {instances: 3}, "convert[*]": succeeded}}}
      few:
        given: {steps: {"convert[*]": {outputs: {rows: 9}}, "convert[2]": {outputs: {rows: -1}},
                        convert: {outputs: {rows: 1}}}}
        expect: {steps: {total: {state: failed, reason: few}}}
      struck:
        given: {steps: {"convert[1]": failure}}
        expect: {steps: {"convert[0]": succeeded, "convert[1]": failed, "convert[2]": cancelled}}
      none:
        given: {steps: {list: {outputs: {files: []}}}}
        expect: {steps: {convert: {instances: 0, state: succeeded}, "total": failed}}
      not given:
        given: {steps: {convert: success}}
        expect: {state: succeeded}
    """
    found = folder.otherwise(workflow, tests)
    assert found.pop("not given")[0] == (
        "`convert[0]` has no output `rows` here, and an expression asks for it",
        "",
        'write `"convert[0]": {outputs: {rows: 3}}` under `given.steps`',
    )
    assert found == {"all": [], "few": [], "struck": [], "none": []}


NESTED = """
version: 1
params: {day: {type: date, default: today}}
env: {PLACE: "${{ env.HOME }}/x"}
steps:
  chain:
    matrix: {py: ["3.9", "3.13"]}
    steps:
      build: {run: make}
      test: {needs: build, run: pytest}
  deploy: {needs: chain, uses: ./other.yaml, with: {day: "${{ params.day }}"}}
outputs: {day: "${{ steps.deploy.outputs.day }}"}
finally: {run: rm}
"""
OTHER = """
version: 1
params: {day: {type: date, required: true}}
steps:
  upload: {run: "up ${{ params.day }} ${{ env.PLACE }}"}
outputs: {day: "${{ params.day }}"}
on_failure: {run: x}
"""


def test_steps_in_steps_and_other_files_go_by_their_ids(folder):
    tests = """
    given: {env: {HOME: /home/ann}, started_at: "2026-02-28T23:30:00Z"}
    cases:
      good:
        expect:
          outputs: {day: "2026-02-28"}
          order: ["chain[0]/test before deploy/upload", chain before deploy]
          steps: {chain/build: succeeded, "chain[py=3.13]/test": succeeded, ":finally": succeeded}
      bad:
        given: {steps: {chain/test: {duration: 1m}, "chain[1]/test": failure}}
        expect:
          steps: {"chain[0]/test": succeeded, "chain[py=3.13]/test": failed, deploy: blocked}
      below:
        given: {steps: {deploy/upload: failure}}
        expect: {steps: {deploy: failed, "deploy/:on_failure": succeeded}}
    """
    assert folder.otherwise(NESTED, tests, other=OTHER) == {"good": [], "bad": [], "below": []}


def test_the_real_environment_and_the_machine_do_not_count(folder, monkeypatch):
    monkeypatch.setenv("PLACE", "here")
    workflow = """
    version: 1
    steps:
      a: {if: "default(env.PLACE, 'nowhere') == 'nowhere'", run: x, resources: {cpu: 8, gpu: 8}}
      b: {run: x, resources: {cpu: 8}}
    """
    tests = """
    given: {duration: 1m}
    cases:
      c: {expect: {elapsed: 2m, steps: {a: succeeded}}}
      wide: {given: {budget: {cpu: 16}}, expect: {elapsed: 1m}}
    """
    assert folder.otherwise(workflow, tests) == {"c": [], "wide": []}


def test_a_stop_gives_each_its_grace_and_a_second_one_none(folder):
    workflow = """
    version: 1
    steps: {a: {run: x, stop: {grace: 20s}}, b: {run: x}, c: {needs: a, run: x}}
    on_cancel: {run: x}
    finally: {run: x}
    """
    tests = """
    given: {duration: 1h, steps: {a: {duration: 1h, stops_after: 1h}, ":*": {duration: 5s}}}
    cases:
      once:
        given: {stop_at: 10m}
        expect:
          state: cancelled
          exit_code: 130
          elapsed: 10m30s
          steps: {b: {ended_at: 10m}, a: {ended_at: 10m20s}, c: cancelled}
      twice:
        given: {stop_at: [10m, 10m5s]}
        expect: {elapsed: 10m5s, steps: {a: {state: cancelled, ended_at: 10m5s}, c: cancelled}}
    """
    assert folder.otherwise(workflow, tests) == {"once": [], "twice": []}


def test_a_run_that_would_never_end_is_told(folder):
    tests = "given: {steps: {a: timeout}}\ncases: {c: {expect: {state: succeeded}}}\n"
    assert folder.otherwise("steps: {a: {run: x}}", tests) == {
        "c": [
            (
                "`a` never ends: nothing asks it to",
                "",
                "give it a `timeout` in the workflow, or write `stop_at` under `given`",
            )
        ]
    }


def test_caches_budgets_and_limits_of_memory_are_given(folder):
    workflow = """
    version: 1
    budget: {db: 1}
    steps:
      kept: {run: x, cache: {inputs: [x]}, outputs: {n: int}}
      a: {needs: kept, if: steps.kept.outputs.n == 3, run: x, resources: {db: 1}}
      b: {needs: kept, run: x, resources: {db: 1}, allow_failure: {exit_codes: [3]}}
      c: {run: x, resources: {memory: 1GiB}, enforce: true, retry: {max: 1, when: {oom: true}}}
      d: {run: x, skip_codes: [100]}
      e: {run: x, artifacts: {paths: [x]}, jobserver: true}
    """
    tests = """
    given:
      duration: 1m
      steps: {kept: {result: cached, outputs: {n: 3}}, b: 3, c: [oom, success], d: skipped}
    cases:
      one after the other:
        expect:
          elapsed: 2m
          steps: {kept: {state: cached, attempts: 0}, b: allowed_failure, d: skipped, e: succeeded,
                  c: {attempts: 2}}
      together: {given: {budget: {db: 2}}, expect: {steps: {b: {ended_at: 1m}, a: {ended_at: 1m}}}}
      by force: {given: {force: true}, expect: {steps: {kept: {state: succeeded, attempts: 1}}}}
      impossible:
        given: {steps: {a: oom, b: skipped, d: cached}}
        expect: {state: succeeded}
    """
    found = folder.otherwise(workflow, tests)
    assert [about for about, _, _ in found.pop("impossible")] == [
        "`d` has no `cache`, so no earlier success can count",
        "`a` has no limit of memory that it could exceed",
        "`b` has no `skip_codes` to end with",
    ]
    assert found == {"one after the other": [], "together": [], "by force": []}


def test_alerts_that_would_be_sent_are_told(folder):
    workflow = """
    version: 1
    notify:
      - {name: oncall, when: [failure, recovery, slow], slow_after: 1h, webhook: "http://x"}
      - {when: [success, slow], command: [page]}
    steps: {a: {run: x, timeout: 5h}}
    """
    tests = """
    cases:
      good: {expect: {alerts: [success]}}
      bad: {given: {steps: {a: failure}}, expect: {alerts: {oncall: failure}}}
      again: {given: {last_run: failed}, expect: {alerts: [recovery, success]}}
      slow: {given: {duration: 2h}, expect: {alerts: {oncall: slow}}}
      as ever: {given: {duration: 2h, usual_duration: 1h}, expect: {alerts: [slow, success]}}
      slower: {given: {duration: 3h, usual_duration: 1h}, expect: {alerts: [slow, slow, success]}}
      wrong: {expect: {alerts: {oncall: [failure, slow]}}}
    """
    found = folder.otherwise(workflow, tests)
    assert found.pop("wrong") == [("alerts of `oncall`", "failure, slow", "none")]
    assert set(map(len, found.values())) == {0}


def test_secrets_are_made_up_and_nothing_is_read(folder):
    workflow = """
    version: 1
    secrets: {TOKEN: {command: [no-such-program]}, KEY: {file: nowhere}}
    env_file: stage.env
    steps:
      a: {run: "x $T ${{ secrets.KEY }}", env: {T: "${{ secrets.TOKEN }}"}}
      b: {if: env.STAGE == 'test', python: {call: "no_such_module:go"}}
    """
    tests = """
    given: {env_file: {STAGE: test}}
    cases: {c: {expect: {state: succeeded, steps: {b: succeeded}}}}
    """
    (folder.path / "stage.env").write_text("STAGE=production\n")
    assert folder.otherwise(workflow, tests) == {"c": []}


def test_values_that_no_process_could_get_fail_the_step_as_in_a_run(folder):
    workflow = """
    version: 1
    params: {who: {type: string}}
    steps: {a: {run: "hello ${{ params.who }}"}, b: {run: x, allow_failure: true}}
    """
    tests = """
    cases:
      c:
        given: {steps: {b: {refused: no such program}}}
        expect:
          steps: {a: {state: failed, reason: "null"}, b: {state: allowed_failure, reason: no such}}
    """
    assert folder.otherwise(workflow, tests) == {"c": []}


def test_all_faults_of_a_file_are_told_at_once_with_the_nearest_name(folder):
    tests = """
    given: {params: {reg: eu}, steps: {fetsh: 1, gate: failure, "lod*": 1, "load[0]": failure}}
    cases:
      c:
        given: {steps: {fetch: {outputs: {row: 1}, exit_code: 999}}}
        expect: {stat: failed, order: [fetch before laod], outputs: {x: 1}, alerts: {me: slow}}
    """
    workflow = ORDINARY + "  gate: {needs: tidy}\nparams: {region: eu}\n"
    assert folder.faults(workflow, tests) == [
        (3, 18, "the workflow has no parameter `reg`", "it has `region`"),
        (3, 36, "there is no step `fetsh` in the workflow", "did you mean `fetch`?"),
        (3, 46, "`gate` has no body: it succeeds, or fails by what it requires", "leave it out"),
        (3, 61, "no step fits `lod*`", "it has `fetch`, `load`, `tidy`, `gate`"),
        (3, 72, "`load` has no instances", "write `load`"),
        (6, 39, "`fetch` declares no output `row`", "did you mean `rows`?"),
        (6, 59, "`exit_code` must be an exit code from 0 to 255, not `999`", ""),
        (7, 14, "unknown key `stat` in `expect`", "did you mean `state`?"),
        (7, 36, "there is no step `laod` in the workflow", "did you mean `load`?"),
        (7, 66, "the workflow has no output `x`", "it has none"),
        (7, 82, "the workflow has no entry of `notify` `me`", "it has none"),
    ]


@pytest.mark.parametrize(
    ("tests", "line", "message"),
    [
        ("cases: {}", 2, "`cases` must be a mapping of names to cases, each with `expect`"),
        ("cases: {a: {}}", 2, "`a` expects nothing, so nothing can fail"),
        ("given: {params: {n: x}}\ncases: {a: {expect: {state: failed}}}", 2, "parameter `n` must"),
        ("given: {budget: {db: 1}}\ncases: {a: {expect: {state: failed}}}", 2, "`a` asks for 2"),
        (
            "given: {started_at: '2026-02-30T00:00:00Z'}\ncases: {a: {expect: {exit_code: 1}}}",
            2,
            "t",
        ),
        (
            "given: {steps: {a: {signal: SIGHUP, refused: x}}}\ncases: {a: {expect: {state: x}}}",
            2,
            "an attempt ends in one way, and here are `signal` and `refused`",
        ),
    ],
)
def test_what_cannot_be_given_is_a_fault_of_the_file(folder, tests, line, message):
    workflow = "params: {n: {type: int, default: 1}}\nsteps: {a: {run: x, resources: {db: 2}}}"
    if "db" not in tests:
        workflow = workflow.replace(", resources: {db: 2}", "")
    [first, *_] = folder.faults(workflow, tests)
    assert (first[0], first[2][: len(message)]) == (line, message)


def test_a_workflow_that_is_missing_is_a_fault_of_the_file(folder, tmp_path):
    tests = tmp_path / "x.test.yaml"
    tests.write_text("workflow: nowhere.yaml\ncases: {a: {expect: {exit_code: 0}}}\n")
    with pytest.raises(WorkflowError) as caught:
        try_file(str(tests))
    [fault] = caught.value.faults
    assert (fault.line, fault.column, fault.code) == (1, 11, "no-workflow")
