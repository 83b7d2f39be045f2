"""What the expressions of a run see: names, environment, results of steps. Pure over given data."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from functools import cached_property
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from orchestra.engine.views import EnvView, LateLayers, StepsView
from orchestra.engine.whereabouts import settings_of
from orchestra.model.errand import LOCAL
from orchestra.model.expression import (
    FILE_FUNCTIONS,
    STATUS_FUNCTIONS,
    Expression,
    ExpressionError,
    Scope,
    Text,
    Tree,
    Value,
    fill_text,
    fill_tree,
    functions_of,
    references_of,
)
from orchestra.model.secrecy import (
    NOTHING_HIDDEN,
    Hidden,
    hidden_above,
    hidden_by_all,
    hidden_given,
    hidden_in,
    quiet,
)
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import ShellScript, Step, Uses, Workflow

FileFunctions = Mapping[str, Callable[..., Value]]
"""`hash_files` and `glob`; only who may read files gives them."""

_NO_NAMES: Mapping[str, Value] = {}
_NO_LAYER: Mapping[str, str] = {}

_KNOWN_BEFORE = frozenset(["params", "vars", "env", "always"])
"""The names, of `_names_in`, that stand for something before the run."""


class RunFacts(NamedTuple):
    """What `run.…` shows: `started_at` and `date` in ISO 8601, `dir` the run's own folder."""

    id: str
    name: str
    date: str
    started_at: str
    dir: str
    state: str = "running"


class Surroundings(NamedTuple):
    """What a workflow that is used by another one needs from outside.

    `bind` makes its params from what `with` gives and raises ExpressionError; `env_file` is what
    its env files hold, by its path; `files` are the functions that read files, by its folder.
    """

    bind: Callable[[Workflow, Mapping[str, Value]], Mapping[str, Value]]
    env_file: Callable[[str], Mapping[str, str]] = lambda path: {}
    files: Callable[[str], FileFunctions] = lambda folder: {}


class LayersAbove(NamedTuple):
    """What the variables that flow into a used workflow are made from.

    `names` are the roots of their expressions; the variables `of_run` are made from `run`.
    """

    names: FrozenSet[str] = frozenset()
    of_run: FrozenSet[str] = frozenset()


NOTHING_ABOVE = LayersAbove()


class Scopes:
    """Makes the scope of each step of one run.

    `environ` is the environment of orchestra, `env_file` what the workflow's env files hold; both
    are data here. The layers that are the same for all steps are evaluated once. `secrets` are
    seen by the layers of the environment and by scripts alone, and before a run by nobody;
    `has_secrets` says that there are any. `below` is the layer under them all, from the workflow
    that uses this one; `are_params_known` is False where only the run can tell what it is given.
    `hidden` is what may hold secrets of that layer and of the params; the latter are in
    `hidden_params` alone, and seen like secrets. `above` says what the layer is made from.
    `folder` is where the workflow's file lies.
    """

    def __init__(
        self,
        workflow: Workflow,
        params: Mapping[str, Value],
        variables: Mapping[str, Value],
        environ: Mapping[str, str],
        env_file: Mapping[str, str],
        facts: Optional[RunFacts] = None,
        files: Optional[FileFunctions] = None,
        secrets: Optional[Secrets] = None,
        surroundings: Optional[Surroundings] = None,
        below: Mapping[str, str] = _NO_LAYER,
        are_params_known: bool = True,
        hidden: Hidden = NOTHING_HIDDEN,
        hidden_params: Mapping[str, Value] = _NO_NAMES,
        above: LayersAbove = NOTHING_ABOVE,
    ) -> None:
        self._workflow = workflow
        self.folder = workflow.folder
        self._facts = facts
        self._surroundings = surroundings
        self._below = below
        self._known_before = _KNOWN_BEFORE
        if not are_params_known:
            self._known_before = _KNOWN_BEFORE - {"params", "vars"}
        self._secrets = secrets
        self.has_secrets = secrets is not None
        self._hidden_above = hidden
        self._hidden = hidden_by_all(workflow, hidden)
        self._is_guarded = bool(workflow.secrets) or hidden != NOTHING_HIDDEN
        self._all_params = {**params, **hidden_params} if hidden_params else params
        self._environ = workflow.inheritable(environ) if workflow.secrets else environ
        self._names: Dict[str, Value] = {"params": params, "vars": variables}
        if facts is not None:
            self._names["run"] = facts._asdict()
        self._files: FileFunctions = files or {}
        self._shared: Dict[object, Dict[str, str]] = {}
        self._env_file = env_file
        self._above = above
        self._veiled_params = hidden_params
        self._veiled_below = below
        self._settings_above: Tuple[str, Mapping[str, Value]] = (LOCAL, _NO_NAMES)

    @cached_property
    def _env_names(self) -> FrozenSet[str]:
        return self._root_names | _names_in(dict(self._workflow.default_env))

    @cached_property
    def _root_names(self) -> FrozenSet[str]:
        """What the variables of the workflow are made from, and those below them."""
        names = self._above.names | _names_in(dict(self._workflow.env))
        return names | {"env_file"} if self._workflow.env_files else names

    @property
    def run_dir(self) -> str:
        """The folder of the run, empty where there is none."""
        facts = self._names.get("run")
        return str(facts["dir"]) if isinstance(facts, dict) else ""

    def at_end(self, failure: Optional[Mapping[str, Value]], run_state: str) -> Scopes:
        """The same for what runs at the end of a step, or of the run when it is in that state."""
        scopes = copy(self)
        run = self._names.get("run")
        scopes._names = {**self._names, "failure": failure}
        if isinstance(run, dict):
            scopes._names["run"] = {**run, "state": run_state}
        return scopes

    def inherit(self, step: Step) -> Union[bool, Tuple[str, ...]]:
        """What the step inherits of the environment of orchestra."""
        return self._workflow.inherit_env if step.inherit_env is None else step.inherit_env

    def settings_above(self, executor: str) -> Mapping[str, Value]:
        """What an executor is told from around the workflow, which its steps may say otherwise."""
        told, settings = self._settings_above
        return settings if told == executor else _NO_NAMES

    def _knows_settings(self, step: Step) -> bool:
        known = (self.is_known(tree, step) for tree in step.executor_settings.values())
        return self._facts is not None or all(known)

    def is_known(
        self, holder: Union[Tree, Expression], step: Step, also: FrozenSet[str] = frozenset()
    ) -> bool:
        """Whether something that stands in a step can be evaluated before the run.

        `also` are names that are known, too. What an env file holds is not: only a run reads it.
        """
        names = _names_in(holder)
        if "env" in names:
            names |= self._env_names
            names |= _names_in(dict(step.env))
        return names <= self._known_before | also

    def is_env_known(self, step: Step, also: FrozenSet[str] = frozenset()) -> bool:
        """Whether the layers of the file for a step can be evaluated before the run.

        Those of them that count for its cache, that is: others may be made from `run`.
        """
        names = self._env_names | _names_in(dict(step.env))
        return names <= self._known_before | also

    def env(
        self,
        step: Step,
        steps: Optional[StepsView] = None,
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> Dict[str, str]:
        """The layers of the file for a step, evaluated: env_file, root, defaults, its own.

        `names` are those that this step alone sees: `item`, `matrix`.

        Raises:
            ExpressionError: a value cannot be evaluated, or is null.
        """
        inherit = self.inherit(step)
        layers = self._shared.get(inherit)
        if layers is None:
            layers = {**self._below, **self._env_file}
            self._add_layer(layers, self._workflow.env, inherit, None)
            self._add_layer(layers, self._workflow.default_env, inherit, None)
            self._shared[inherit] = layers
        if step.env:
            layers = dict(layers)
            self._add_layer(layers, step.env, inherit, steps, names)
        return layers

    def scope(
        self,
        step: Step,
        env: Mapping[str, str],
        steps: Optional[StepsView] = None,
        functions: Optional[Mapping[str, Callable[..., Value]]] = None,
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> Scope:
        """What the step's own expressions see; `env` is what `env` gave for it."""
        hidden = self._hidden
        if self._is_guarded:
            hidden = hidden_in(step, hidden)
        view = EnvView(env, self._environ, self.inherit(step), hidden.variables)
        return self._scope(view, steps, functions, names)

    def script_scope(
        self,
        step: Step,
        env: Mapping[str, str],
        steps: StepsView,
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> Optional[Scope]:
        """What the values in the step's script see where they may be secrets, else None."""
        if self._secrets is None or type(step.body) is not ShellScript:
            return None
        view = EnvView(env, self._environ, self.inherit(step))
        return self._scope(view, steps, own=names, secrets=self._secrets)

    def address_scope(self, step: Step) -> Scope:
        """What an address that nobody is shown sees: secrets, and the variables that hold them."""
        layers = LateLayers(lambda: self.env(step))
        view = EnvView(layers, self._environ, self.inherit(step))
        return self._scope(view, None, secrets=self._secrets)

    def root_scope(self, steps: Optional[StepsView] = None) -> Scope:
        """What expressions of the workflow itself see: its own environment, and that of no step.

        Raises:
            ExpressionError: a value of the environment cannot be evaluated, or is null.
        """
        view = EnvView(
            self._root_layers(),
            self._environ,
            self._workflow.inherit_env,
            self._hidden.variables,
        )
        return self._scope(view, steps)

    def _root_layers(self) -> Dict[str, str]:
        layers = {**self._below, **self._env_file}
        self._add_layer(layers, self._workflow.env, self._workflow.inherit_env, None)
        return layers

    def early_scope(
        self,
        step: Step,
        steps: Optional[StepsView] = None,
        functions: Optional[Mapping[str, Callable[..., Value]]] = None,
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> Scope:
        """What the step's expressions see that are asked before it has an attempt.

        Only those that use the environment evaluate it: what it is made of may be missing, or not
        be known yet, and `if` may ask for just that.
        """
        layers = LateLayers(lambda: self.env(step, steps, names))
        return self.scope(step, layers, steps, functions, names)

    @cached_property
    def veiled(self) -> Scopes:
        """The same with the name of a secret wherever one stands: for what must not hold any."""
        if not self._is_guarded:
            return self
        scopes = copy(self)
        scopes._secrets = Secrets({name: "secrets." + name for name in self._workflow.secrets})
        scopes._all_params = {**self._all_params, **self._veiled_params}
        scopes._below = self._veiled_below
        scopes._shared = {}
        return scopes

    def veiled_scope(
        self, step: Step, steps: Optional[StepsView], names: Mapping[str, Value] = _NO_NAMES
    ) -> Scope:
        """All that the expressions of a step can see, secrets by their names."""
        veiled = self.veiled
        layers = LateLayers(lambda: veiled.env(step, steps, names))
        view = EnvView(layers, self._environ, self.inherit(step))
        return veiled._scope(view, steps, own=names, secrets=veiled._secrets)

    def lasting_env(
        self, step: Step, steps: Optional[StepsView], names: Mapping[str, Value] = _NO_NAMES
    ) -> Mapping[str, str]:
        """The variables of the file for a step, secrets by their names; evaluated when asked.

        Those around the step that are made from `run` are left out: they differ in every run.
        """

        def evaluate() -> Mapping[str, str]:
            layers = self.veiled.env(step, steps, names)
            of_run = self._of_run.difference(step.env)
            return {name: value for name, value in layers.items() if name not in of_run}

        return LateLayers(evaluate)

    @cached_property
    def _of_run(self) -> FrozenSet[str]:
        root = _made_from_run(self._workflow.env, self._above.of_run)
        return _made_from_run(self._workflow.default_env, root)

    def used(self, step: Step, body: Uses, scope: Scope) -> Scopes:
        """The scopes of a workflow that a step uses; `scope` is what the step sees.

        Raises:
            ExpressionError: what it is given cannot be evaluated, or is not what it takes.
        """
        assert self._surroundings is not None
        names: FrozenSet[str] = frozenset()
        if self._secrets is not None:
            names = hidden_given(body.given, hidden_in(step, self._hidden))
        revealed = self._revealed(scope) if names else scope
        values = {}
        for name, tree in body.given.items():
            try:
                values[name] = fill_tree(tree, revealed if name in names else scope)
            except ExpressionError as fault:
                told = quiet(fault, tree, params=True) if name in names else fault
                raise told.within("with." + name) from None
        params = self._surroundings.bind(body.workflow, values)
        shown = {name: value for name, value in params.items() if name not in names}
        hidden = {name: params[name] for name in names}
        variables = evaluate_vars(body.workflow, shown)
        scopes = self._inside(body.workflow, shown, variables, hidden)
        if step.executor != LOCAL and self._knows_settings(step):
            settings = settings_of(step, scope, self.settings_above(step.executor))
            scopes._settings_above = step.executor, settings
        if self._is_guarded:
            if self._can_tell("secrets"):
                scopes._veiled_below = self.veiled._root_layers()
            scopes._veiled_params = self._veiled_given(step, body, names, scope)
        return scopes

    def _veiled_given(
        self, step: Step, body: Uses, names: FrozenSet[str], scope: Scope
    ) -> Dict[str, Value]:
        """The params that hold secrets, with the names of these."""
        own = {name: scope.names[name] for name in ("item", "matrix") if name in scope.names}
        steps = scope.names.get("steps")
        view = steps if isinstance(steps, StepsView) else None
        veiled = self.veiled_scope(step, view, own)
        values: Dict[str, Value] = {}
        for name in names:
            with suppress(ExpressionError):  # of a name much can be asked that makes no sense
                values[name] = fill_tree(body.given[name], veiled)
        return {name: values.get(name) for name in names}

    def used_unknown(self, workflow: Workflow) -> Scopes:
        """The same before the run, where only that can tell what it is given."""
        return self._inside(workflow, {}, {}, None)

    def _inside(
        self,
        workflow: Workflow,
        params: Mapping[str, Value],
        variables: Mapping[str, Value],
        hidden_params: Optional[Mapping[str, Value]],
    ) -> Scopes:
        around = self._surroundings
        assert around is not None
        below: Mapping[str, str] = {**self._below, **self._env_file}
        if self._can_tell():
            try:
                below = self._root_layers()
            except ExpressionError:
                if hidden_params is not None:  # else it fails when its turn comes
                    raise
        hidden = hidden_above(self._workflow.env, self._hidden_above)
        of_run = _made_from_run(self._workflow.env, self._above.of_run)
        return Scopes(
            workflow,
            params,
            variables,
            self._environ,
            around.env_file(workflow.path),
            self._facts,
            around.files(workflow.folder),
            self._secrets,
            around,
            below,
            hidden_params is not None,
            Hidden(hidden.variables, frozenset(hidden_params or ())),
            hidden_params or _NO_NAMES,
            LayersAbove(self._root_names, of_run),
        )

    def _can_tell(self, *also: str) -> bool:
        """Whether the variables of the workflow can be evaluated now, where these names can."""
        return self._facts is not None or self._root_names <= self._known_before.union(also)

    def _revealed(self, scope: Scope) -> Scope:
        """The same with all that may be secret."""
        env = scope.names["env"]
        assert isinstance(env, EnvView)
        names = {**scope.names, "env": env.revealed(), "params": self._all_params}
        return Scope({**names, "secrets": self._secrets}, scope.functions)

    def outputs(self, steps: StepsView) -> Dict[str, Value]:
        """What the workflow gives to the one that uses it.

        Raises:
            ExpressionError: an output cannot be evaluated; says which.
        """
        scope = self.root_scope(steps)
        values: Dict[str, Value] = {}
        for name, text in self._workflow.outputs.items():
            try:
                values[name] = fill_tree(text, scope)
            except ExpressionError as fault:
                raise fault.within("outputs." + name) from None
        return values

    def _scope(
        self,
        env: EnvView,
        steps: Optional[StepsView],
        functions: Optional[Mapping[str, Callable[..., Value]]] = None,
        own: Mapping[str, Value] = _NO_NAMES,
        secrets: Optional[Secrets] = None,
    ) -> Scope:
        names = {**self._names, **own}
        names["env"] = env
        if secrets is not None:
            names["secrets"] = secrets
            names["params"] = self._all_params
        if steps is not None:
            names["steps"] = steps
        return Scope(names, {**self._files, **functions} if functions else self._files)

    def _add_layer(
        self,
        layers: Dict[str, str],
        layer: Mapping[str, Text],
        inherit: Union[bool, Tuple[str, ...]],
        steps: Optional[StepsView],
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> None:
        """Evaluate a layer over those below it; its own names do not see each other."""
        if not layer:
            return
        below = EnvView(dict(layers), self._environ, inherit)
        scope = self._scope(below, steps, None, names, self._secrets)
        for name, text in layer.items():
            try:
                layers[name] = text if type(text) is str else fill_text(text, scope)
            except ExpressionError as fault:
                told = quiet(fault, text, params=True) if self._is_guarded else fault
                raise told.within("env." + name) from None


def evaluate_vars(workflow: Workflow, params: Mapping[str, Value]) -> Dict[str, Value]:
    """The workflow's `vars`, which may use its params and each other in any order.

    Raises:
        ExpressionError: one cannot be evaluated.
    """
    values: Dict[str, Value] = {}
    waiting = {
        name: {r.path[1] for r in references_of(tree) if r.path[0] == "vars" and len(r.path) > 1}
        for name, tree in workflow.vars.items()
    }
    while waiting:
        ready = [name for name, uses in waiting.items() if uses <= values.keys()]
        for name in ready or list(waiting):
            scope = Scope({"params": params, "vars": values})
            try:
                values[name] = fill_tree(workflow.vars[name], scope)
            except ExpressionError as fault:
                raise fault.within("vars." + name) from None
            del waiting[name]
    return values


def _made_from_run(layer: Mapping[str, Text], below: FrozenSet[str]) -> FrozenSet[str]:
    """The variables that are made from `run` once a layer is put over others that are."""
    made = {
        name
        for name, text in layer.items()
        for reference in references_of(text)
        if reference.path[0] == "run"
        or (reference.path[0] == "env" and (len(reference.path) == 1 or reference.path[1] in below))
    }
    return below.difference(layer).union(made)


def _names_in(holder: Union[Tree, Expression]) -> FrozenSet[str]:
    """The root names that are used, and the functions whose answer depends on more than values."""
    roots = frozenset(str(reference.path[0]) for reference in references_of(holder))
    return roots | functions_of(holder) & (FILE_FUNCTIONS | STATUS_FUNCTIONS)
