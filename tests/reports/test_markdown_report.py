from __future__ import annotations

import re

from orchestra.model.events import SummaryWritten
from orchestra.reports.markdown_report import render_markdown
from tests.subscribers.stories import Story


def test_nothing_that_a_step_says_is_markdown_or_html() -> None:
    hostile = "|a|<img src=x>\n# [l](http://x) @team `c` **b** $x$ &amp; \x1b[2J"
    story = Story().begin(["a"], hostile).start(0, "a").end(1, "a", "failed", hostile)
    text = render_markdown(story.finish(2, "failed", 1).record())
    assert text.splitlines()[0] == (
        "### &#124;a&#124;&#60;img src=x&#62;&#92;n&#35; &#91;l&#93;&#40;http&#58;//x&#41; "
        "&#64;team &#96;c&#96; &#42;&#42;b&#42;&#42; &#36;x&#36; &#38;amp; &#92;e&#91;2J failed"
    )
    table = text[text.index("| step |") :].splitlines()
    assert [len(re.findall(r"\|", line)) for line in table[:3]] == [6, 6, 6]
    assert re.search(r"[<`@\x1b]", text) is None


def test_many_steps_are_cut_with_the_failed_ones_first() -> None:
    ids = ["s%d" % i for i in range(300)]
    story = Story().begin(ids)
    story.start(0, "s299").end(1, "s299", "failed", "no")
    lines = render_markdown(story.finish(2, "failed", 1).record()).splitlines()
    assert lines[2] == "1 failed in 2.0s"
    assert lines[4] == "- ✗ **s299** no"
    assert lines[8] == "| s299 | ✗ failed | 1.0s | 1 | no |"
    assert lines[8 + 200 + 1] == "… and 100 more steps"


def test_what_steps_wrote_follows_the_table_as_it_is_while_there_is_room() -> None:
    story = Story().begin(["a", "b", "c"])
    for step, size in (("a", 10), ("b", 999_000), ("c", 20)):
        story.start(0, step).end_attempt(1, step, "exit code 0")
        story.tell(1, SummaryWritten(step, 1, step + ".md", size))
    record = story.finish(2, "succeeded", 0).record()

    text = render_markdown(record, None, lambda path, most: "\n**%s** %d\n" % (path, most))

    assert text.partition("\n#### ")[2] == (
        "a\n\n**a.md** 10\n\n#### c\n\n**c.md** 20\n\n… and 1 more, too large for this page\n\n"
    )


def test_what_is_no_text_counts_as_it_is_shown() -> None:
    story = Story().begin(["a"]).start(0, "a").end_attempt(1, "a", "exit code 0")
    story.tell(1, SummaryWritten("a", 1, "a.md", 900_000))
    record = story.finish(2, "succeeded", 0).record()

    text = render_markdown(record, None, lambda path, most: "\ufffd" * most)

    assert len(text.encode()) < 1_000_000
    assert text.endswith("… and 1 more, too large for this page\n\n")
