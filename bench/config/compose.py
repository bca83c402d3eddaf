"""Composing the options of a run with Hydra, also for whoever composes several."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any, NoReturn

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from bench.config import packages, words
from bench.config.changed import changed_from
from bench.config.clip import settled_clip
from bench.config.defaults import NotPlainError, defaults_of
from bench.config.explain import default_choices, elsewhere, explain, refuse_too_large, refuse_unknown
from bench.config.options import Options, typed
from bench.config.plain import plain_words
from bench.config.role import PRESETS
from bench.config.roles import groups_of_classes
from bench.config.schema import Config
from bench.config.tree import Tree, flatten
from bench.config.upgrade import RERUN
from bench.errors import BenchError, ConfigError

VERSION = "1.3"
_GLOBAL_STATE = RLock()  # Hydra's, which one thread at a time changes and puts back


class PackagePaths(SearchPathPlugin):
    """Lets Hydra find the groups of third-party packages, after our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for package in packages.third_party():
            search_path.append(provider=package.name, path=f"file://{package.conf}")


def compose(arguments: Sequence[str], config_dir: Path | None = None) -> Options:
    """The options of one run, from arguments as on the command line but without flags: `["task=copy", "seed=3"]`.

    Choices are looked for in `config_dir`, too. Nothing global is changed. Raises ConfigError, in one line, for a wrong
    argument, also for one with several values.
    """
    arguments = flags_first([*arguments])
    if config_dir is None and (options := plainly(arguments)) is not None:
        return options
    said = with_folder(arguments, config_dir)
    with loader_of(config_dir) as loader, explained(said):
        return composed(loader, arguments, said)[0]


def with_folder(arguments: list[str], config_dir: Path | None) -> list[str]:
    """The arguments as a command has them, with the flag for a folder of one's own."""
    return [*arguments, *([f"--config-dir={config_dir}"] if config_dir else [])]


def plainly(arguments: list[str]) -> Options | None:
    """The options of a plain command, without Hydra, in a twelfth of the time; None where it has more to say.

    That is so for what is wrong, too: its words are then Hydra's.
    """
    conf = packages.built_in().conf
    found = None if packages.third_party() else plain_words(arguments, default_choices(), conf)
    if found is None:
        return None
    choices, given = found
    try:
        node = pickle.loads(_in_schema(pickle.dumps(defaults_of(choices, [conf], _read))))
        if given.keys() - flatten(OmegaConf.to_container(node)):
            return None
        for key, value in given.items():
            OmegaConf.update(node, key, value, merge=False)
    except (NotPlainError, OmegaConfBaseException, ValueError, TypeError):
        return None
    runtime = SimpleNamespace(choices=choices, config_sources=[SimpleNamespace(path=str(conf), schema="file")])
    settings = SimpleNamespace(runtime=runtime, overrides=SimpleNamespace(task=arguments))
    return options_of(node, settings, None, arguments)


def composed(loader: ConfigLoaderImpl, overrides: list[str], arguments: list[str]) -> tuple[Options, Path]:
    """One run's options, and the folder of its sweep if it is a member of one."""
    node = loader.load_configuration("config", overrides, RunMode.RUN)
    settings = node.hydra
    sweep = Path(settings.sweep.dir)
    HydraConfig.instance().set_config(node)  # the source of `${hydra:...}` in a value
    with open_dict(node):
        del node["hydra"]
    return options_of(node, settings, loader, arguments), sweep


def options_of(node: DictConfig, settings: Any, loader: Any, arguments: list[str]) -> Options:
    """The options in a composed node; `settings` are Hydra's own."""
    names = {group: name for group, name in settings.runtime.choices.items() if not group.startswith("hydra/")}
    choices = {group: _one_name(group, name) for group, name in names.items() if name is not None}
    for group in default_choices().keys() - choices.keys():  # Hydra merges the choices of a list into one
        raise ConfigError(f"{group}=[...]: a run has one {group}: write -m {group}=A,B for a sweep over several")
    own = packages.own_folder(arguments)
    for group, name in choices.items():
        if len(packages.providers(group, name, own)) > 1:  # Hydra would take the first in silence
            packages.provider(group, name, own)
    try:
        tree = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(str(error), arguments)) from None
    assert isinstance(tree, dict)
    tree["rerun"] = RERUN.get(tree["rerun"], tree["rerun"])
    for group, _, key in (option.partition(".") for option in elsewhere(arguments, choices)):
        tree[group].pop(key, None)
    refuse_unknown(tree, arguments)  # type: ignore[arg-type]
    refuse_too_large(tree)  # type: ignore[arg-type]
    folders = [Path(source.path) for source in settings.runtime.config_sources if source.schema == "file"]
    groups = {group: name for group, name in choices.items() if group not in PRESETS}
    defaults = _defaults(groups, folders, loader)  # a preset's options count as changed, like the command's
    named = {line.lstrip("+~").partition("=")[0] for line in settings.overrides.task}
    default_clip, tree["clip"] = settled_clip(tree["clip"], choices, named, folders, _read)
    changed = changed_from(defaults | flatten({"clip": default_clip}), tree, choices)  # type: ignore[arg-type]
    if own is not None:
        for group in groups_of_classes():
            tree[group] = _from_folder(own, own / group / f"{choices[group]}.yaml", tree[group])
    return Options(typed(tree), choices, changed)  # type: ignore[arg-type]


def _from_folder(own: Path, file: Path, options: Tree) -> Tree:
    """The options of a class with a target that the user's `file` names as from the folder of one's `own`, in full."""
    key = "target" if "target" in options else "_target_"
    place, colon, name = str(options.get(key)).rpartition(":")
    if file.is_file() and place.endswith(".py") and (own / place).is_file():
        return {**options, key: f"{own / place}{colon}{name}"}
    return options


def _one_name(group: str, given: Any) -> str:
    """The name of a choice; ConfigError for that of a file, which Hydra would take for the choice."""
    name = str(given)
    if name.endswith((".yaml", ".yml")):
        raise ConfigError(f"{group}={name}: write {group}={name.rpartition('.')[0]}")
    return name


def _defaults(choices: Mapping[str, str], folders: list[Path], loader: Any) -> Tree:
    """The options that the choices alone set, by dotted name, in the schema's types."""
    try:
        return {**_flat_in_schema(pickle.dumps(defaults_of(choices, folders, _read)))}
    except NotPlainError:
        default = default_choices()
        overrides = [f"{'+' * (group not in default)}{group}={name}" for group, name in choices.items()]
        return _flat(loader.load_configuration("config", overrides, RunMode.RUN))


def _flat(node: DictConfig) -> Tree:
    tree: Tree = OmegaConf.to_container(node)  # type: ignore[assignment]
    return flatten({key: value for key, value in tree.items() if key != "hydra"})


@lru_cache(maxsize=64)
def _in_schema(options: bytes) -> bytes:
    """A tree of options, pickled, in the schema's types: members of a sweep share it, and to merge takes longest."""
    return pickle.dumps(OmegaConf.merge(schema_node(), pickle.loads(options)))


@lru_cache(maxsize=64)
def _flat_in_schema(options: bytes) -> Tree:
    return _flat(pickle.loads(_in_schema(options)))


@cache
def schema_node() -> DictConfig:
    """The schema as a node, of which Hydra and OmegaConf make a copy that options are merged into."""
    node = OmegaConf.structured(Config)
    _unlock(node)
    return node


def _unlock(node: DictConfig) -> None:
    """Let values be set in a node of frozen dataclasses, and in all nodes below it."""
    OmegaConf.set_readonly(node, None)
    for key in node:
        if OmegaConf.is_config(child := node[key]):
            _unlock(child)


def _read(path: Path) -> Tree:
    return _parsed(path, path.stat().st_mtime_ns)


@cache
def _parsed(path: Path, written: int) -> Tree:
    """A file's tree as OmegaConf reads numbers; nothing writes into it."""
    return OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[return-value]


def register() -> None:
    """Make the schema, our launchers and the groups of third-party packages known to Hydra."""
    from bench.config.sweeps.engines import register_engines  # one of them composes

    ConfigStore.instance().store(name="bench_schema", node=schema_node())
    Plugins.instance().register(PackagePaths)
    register_engines()
    setup_globals()


@contextmanager
def loader_of(config_dir: Path | None = None) -> Iterator[ConfigLoaderImpl]:
    """A loader that composes from the configuration files; afterwards Hydra's global state is as before."""
    with _GLOBAL_STATE:
        register()
        before = version.getbase(), HydraConfig.instance().cfg
        version.setbase(VERSION)
        search_path = create_config_search_path(str(packages.built_in().conf))
        if config_dir is not None:  # at the place where Hydra puts it
            search_path.prepend("command-line", f"file://{config_dir.absolute()}", SearchPathQuery(provider="schema"))
        try:
            yield ConfigLoaderImpl(search_path)
        finally:
            version.VersionBase.instance().version_base, HydraConfig.instance().cfg = before


@contextmanager
def explained(arguments: list[str]) -> Iterator[None]:
    """Errors of Hydra and OmegaConf as ConfigError in one line."""
    try:
        yield
    except BenchError:
        raise
    except OverrideParseException as error:
        raise ConfigError(explain(f"Error parsing override '{error.override}'", arguments)) from None
    except (HydraException, OmegaConfBaseException, MissingConfigException, ValueError) as error:
        raise ConfigError(explain(f"{error}\n{error.__cause__ or ''}", arguments)) from None  # the cause is OmegaConf's


def flags_first(arguments: list[str]) -> list[str]:
    """The arguments with Hydra's flags first, as Hydra requires.

    Raises ConfigError for an unknown flag, a removal, an option that is there twice, and a word that is no option.
    """
    arguments = [*map(words.spelled, arguments)]
    words.refuse_twice(arguments)
    for argument in arguments:
        if re.match(rf"~(?!({'|'.join(groups_of_classes())})\.)", argument):
            raise ConfigError(f"{argument}: this cannot be removed: set it to another value")
    options = [a for a in arguments if a.startswith("~") or ("=" in a and not a.startswith("-"))]
    flags = [a for a in arguments if a not in options]
    parser = get_args_parser()
    known = [flag for action in parser._actions for flag in action.option_strings]

    def refuse(message: str) -> NoReturn:
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            raise ConfigError(words.unknown_flag(unknown[1], arguments, known))
        raise ConfigError(f"{message}; see python -m bench --help")

    parser.error = refuse  # type: ignore[method-assign]
    for short in (flag for flag in flags if re.match(r"-[^-cp]", flag) and flag not in known):
        refuse(f"unrecognized arguments: {short}")  # argparse would take it for the beginning of another
    given = parser.parse_args([*flags, *options])
    if lost := [word for word in given.overrides if word not in options]:
        raise ConfigError(words.stray(arguments, arguments.index(lost[0])))
    return [*flags, *options]
