"""Tells whether a step must run: what it depends on, and what an earlier success of it left.

Reads files in small slices, writes none, and starts nothing. A file whose size, times and inode
are as they were is not read again, unless it was changed so shortly before it was read that a
second change might not show in its times (git calls such entries racy).
"""

from __future__ import annotations

import os
import re
import stat
from glob import escape
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Generator,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
)

from orchestra.engine.caching import Digests, Finding, KeptSuccess, Question, Seal, Successes
from orchestra.engine.fingerprint import (
    MISSING,
    changes,
    digest_of_text,
    digest_of_value,
    fingerprint_of,
    new_digest,
)
from orchestra.errors import StoreError
from orchestra.model.expression import (
    ExpressionError,
    Scope,
    Template,
    Text,
    Value,
    evaluate,
    fill,
    fill_text,
    to_text,
)
from orchestra.model.workflow import Cache
from orchestra.steps.bodyparts import (
    body_parts,
    digest_of_variable,
    source_files,
)
from orchestra.steps.environment import encode
from orchestra.steps.patterns import FileFinder

_BLOCK_BYTES = 2**18
_PAUSE = 100  # files whose digests are known that are taken between two pauses
_MOST_NAMED = 1000  # files of one pattern that are parts of their own
_ESCAPED = re.compile(r"\[([*?[])\]")
_RACY_NS = 2 * 10**9  # the coarsest times that a file system keeps: FAT


class _Files(NamedTuple):
    """Digests of files by name, and of more than can be named by pattern; patterns without any."""

    parts: Dict[str, str]
    missing: List[str]


class StepCache:
    """The `Cache` of one run.

    `functions` gives those of expressions that read files, by the folder of their workflow file;
    `time_ns` is the wall clock; `unseen` is the folder of the record, which nothing depends on.
    """

    def __init__(
        self,
        functions: Callable[[str], Mapping[str, Callable[..., Value]]],
        successes: Successes,
        digests: Digests,
        time_ns: Callable[[], int],
        unseen: str = "",
    ) -> None:
        self._functions = functions
        self._successes = successes
        self._digests = digests
        self._time_ns = time_ns
        self._finder = FileFinder(unseen)

    def check(self, question: Question) -> Generator[None, None, Finding]:
        """Look for an earlier success of a step that is about to run; see `Cache`."""
        try:
            parts, notes = yield from self._parts(question)
            fingerprint = fingerprint_of(parts)
            unkept = Finding(fingerprint, parts, notes=notes)
            if question.force:
                return unkept._replace(reason="--force")
            step = question.step.id
            success = self._successes.success(step, fingerprint)
            if success is None:
                return unkept._replace(reason=self._why_none(step, fingerprint, parts))
            changed = yield from self._changed(question, success)
        except (ExpressionError, ValueError) as fault:
            return Finding(fault=str(fault))
        except (OSError, StoreError) as fault:
            return Finding(reason="whether it is up to date cannot be told: %s" % _said(fault))
        if changed:
            return unkept._replace(reason="%s since run %s" % (changed, success.run_id))
        return unkept._replace(success=success, reason="up to date since run %s" % success.run_id)

    def seal(self, question: Question, finding: Finding) -> Generator[None, None, Seal]:
        """Look at what the step left that has just succeeded; see `Cache`."""
        cache = _cache_of(question)
        try:
            place = self._place(question)
            patterns = _patterns(cache.outputs, place.scope, "outputs")
            left = yield from self._files(place.working_dir, patterns, frozenset())
            if left.missing:
                problems = [
                    "cache.outputs: there is no `%s`" % _plain(name) for name in left.missing
                ]
                return Seal(None, tuple(problems))
            if not finding.fingerprint:
                return Seal(None)
            parts, _ = yield from self._parts(question)
        except (ExpressionError, ValueError, OSError) as fault:
            return Seal(None, notes=("this success is not kept: %s" % _said(fault),))
        if parts != finding.parts:
            changed = changes(finding.parts, parts)
            return Seal(None, notes=("this success is not kept: %s while it ran" % changed,))
        return Seal(left.parts)

    def _why_none(self, step: str, fingerprint: str, parts: Mapping[str, str]) -> str:
        last = self._successes.last_success(step)
        if last is None:
            return "it has not succeeded before"
        changed = changes(last.parts, parts)
        if not changed:
            return "its last attempt did not succeed"
        return "%s since run %s" % (changed, last.run_id)

    def _changed(self, question: Question, success: KeptSuccess) -> Generator[None, None, str]:
        """What is not as the success left it, in words; empty where all is."""
        place = self._place(question)
        patterns = _patterns(_cache_of(question).outputs, place.scope, "outputs")
        now = yield from self._files(place.working_dir, patterns, frozenset())
        changed = changes(success.files, {**dict.fromkeys(success.files, MISSING), **now.parts})
        if changed or not now.missing:
            return changed
        return "`%s` is gone" % _plain(now.missing[0])

    # What a step depends on

    def _parts(
        self, question: Question
    ) -> Generator[None, None, Tuple[Dict[str, str], Tuple[str, ...]]]:
        """All parts of the fingerprint, and what a person should know of them.

        Raises:
            ExpressionError: a value cannot be evaluated.
            OSError: a file cannot be read.
        """
        step, cache = question.step, _cache_of(question)
        place = self._place(question)
        scope = place.scope
        assert step.body is not None
        parts = body_parts(step.body, scope, question.folder)
        if step.working_dir is not None:
            parts["working_dir"] = digest_of_text(place.given)
        for name, value in question.env.items():
            parts["env %s" % name] = digest_of_text(value)
        if step.outputs:
            types = {name: type.value for name, type in step.outputs.items()}
            parts["declared"] = digest_of_value(types)
        if step.success_codes != (0,):
            parts["codes"] = digest_of_value(list(step.success_codes))
        for name in cache.env:
            parts["variable %s" % name] = digest_of_variable(name, scope)
        if cache.key is not None:
            parts["key"] = digest_of_text(_filled(cache.key, scope, "key"))
        outputs = _patterns(cache.outputs, scope, "outputs")
        parts["outputs"] = digest_of_value([*outputs])
        left = yield from self._names(place.working_dir, outputs)
        patterns = _patterns(cache.inputs, scope, "inputs")
        found = yield from self._files(place.working_dir, patterns, left)
        parts.update(found.parts)
        parts.update(("file %s" % _plain(name), MISSING) for name in found.missing)
        for source in source_files(step.body, question.folder):
            own = yield from self._files(question.folder, [source], frozenset())
            parts["source %s" % source] = digest_of_value({**own.parts})
        missing = [_plain(name) for name in found.missing]
        notes = tuple("cache.inputs: there is no `%s`" % name for name in missing)
        return parts, notes

    def _place(self, question: Question) -> _Place:
        scope = question.scope
        scope = Scope(scope.names, {**scope.functions, **self._functions(question.folder)})
        text = question.step.working_dir
        given = "" if text is None else fill_text(text, scope)
        return _Place(scope, given, os.path.join(question.folder, given))

    # Files

    def _files(
        self, folder: str, patterns: Sequence[str], without: FrozenSet[str]
    ) -> Generator[None, None, _Files]:
        """The digests of all files that the patterns mean, but for those `without`."""
        parts: Dict[str, str] = {}
        missing: List[str] = []
        learnt: List[Tuple[bytes, str, str]] = []
        for pattern in patterns:
            names = yield from self._names(folder, [pattern])
            if not names and not os.path.isdir(os.path.join(folder, _plain(pattern))):
                missing.append(pattern)
            digest_by_name: Dict[str, str] = {}
            for number, name in enumerate(sorted(names - without)):
                if number % _PAUSE == 0:
                    yield
                path = os.path.join(folder, name)
                digest_by_name[name] = yield from self._digest(path, learnt)
            if len(digest_by_name) > _MOST_NAMED:
                parts["files %s" % pattern] = digest_of_value({**digest_by_name})
            else:
                parts.update(("file %s" % name, d) for name, d in digest_by_name.items())
        if learnt:
            self._digests.remember(learnt)
        return _Files(parts, missing)

    def _names(self, folder: str, patterns: Sequence[str]) -> Generator[None, None, FrozenSet[str]]:
        """The names of all files that the patterns mean."""
        names = set()
        for pattern in patterns:
            for name in self._finder.files_of(folder, pattern):
                if name is None:
                    yield
                else:
                    names.add(name)
        return frozenset(names)

    def _digest(
        self, path: str, learnt: List[Tuple[bytes, str, str]]
    ) -> Generator[None, None, str]:
        """The digest of a file's content, 32 hexadecimal digits; one that was read is `learnt`."""
        raw = os.fsencode(path)
        try:
            stamp = _stamp(os.stat(path))
        except FileNotFoundError:
            return MISSING  # it was there a moment ago
        known = self._digests.digest(raw, stamp)
        if known is not None:
            return known
        began_ns = self._time_ns()
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return MISSING
            digest = new_digest()
            while True:
                block = os.read(descriptor, _BLOCK_BYTES)
                if not block:
                    break
                digest.update(block)
                yield
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        changed_ns = max(before.st_mtime_ns, before.st_ctime_ns)
        if _stamp(before) == _stamp(after) and changed_ns < began_ns - _RACY_NS:
            learnt.append((raw, _stamp(before), digest.hexdigest()))
        return digest.hexdigest()


class _Place(NamedTuple):
    """What a step's texts see, its `working_dir` as given, and as a path."""

    scope: Scope
    given: str
    working_dir: str


def _stamp(found: os.stat_result) -> str:
    return "%d %d %d %d" % (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _patterns(texts: Sequence[Text], scope: Scope, key: str) -> List[str]:
    """The patterns that the texts stand for; one that yields a list stands for all of it.

    Raises:
        ExpressionError: one cannot be evaluated, or is null.
        ValueError: one cannot be the name of a file.
    """
    patterns: List[str] = []
    for text in texts:
        try:
            patterns.extend([text] if isinstance(text, str) else _with_values(text, scope))
        except ExpressionError as fault:
            raise fault.within("cache.%s" % key) from None
    for pattern in patterns:
        encode(pattern, "cache.%s" % key)
    return [pattern for pattern in patterns if pattern]


def _with_values(template: Template, scope: Scope) -> List[str]:
    """A text with its values, in which nothing is magic; a list stands for all of it."""
    if len(template.parts) == 1:
        value = fill(template, scope)
        values = value if isinstance(value, (list, tuple)) else [value]
        return [escape(to_text(one)) for one in values]
    return [
        "".join(
            part if isinstance(part, str) else escape(to_text(evaluate(part, scope)))
            for part in template.parts
        )
    ]


def _plain(pattern: str) -> str:
    """A pattern as a person knows it, in which the magic of values was taken away."""
    return _ESCAPED.sub(r"\1", pattern)


def _filled(text: Text, scope: Scope, key: str) -> str:
    try:
        return fill_text(text, scope)
    except ExpressionError as fault:
        raise fault.within("cache.%s" % key) from None


def _cache_of(question: Question) -> Cache:
    assert question.step.cache is not None
    return question.step.cache


def _said(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.filename is not None:
        return "%s: %s" % (os.fsdecode(fault.filename), fault.strerror)
    if isinstance(fault, StoreError):
        return fault.message
    return str(fault)
