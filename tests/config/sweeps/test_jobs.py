"""What launchers of a sweep share: a member is composed as Hydra would, however little of it is composed anew."""

import pytest
from cli_tools import COPY, bench
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from bench.config.sweeps.jobs import Jobs


@pytest.fixture
def composed(capsys, monkeypatch, tmp_path):
    """The configurations with which the members of a sweep ran, each beside that which Hydra composes for it."""

    def composed(*words):
        pairs = []

        def note(jobs, number, overrides):
            ours = jobs._composed([*overrides])
            theirs = load(jobs.context.config_loader, jobs.config, [*overrides])
            pairs.append([OmegaConf.to_container(config) for config in (ours, theirs)])
            return JobReturn(status=JobStatus.COMPLETED)

        monkeypatch.setattr(Jobs, "run", note)
        assert bench(capsys, "-m", *COPY, *words, f"results_dir={tmp_path}").code == 1  # none of them has run
        return pairs

    load = ConfigLoaderImpl.load_sweep_config
    return composed


def test_members_are_what_hydra_composes_for_each(composed):
    pairs = composed("cell=gru,lstm", "seed=0,3", "model.hidden=${seed}", "hydra.job.name=this")
    assert [ours["seed"] for ours, _ in pairs] == [0, 3, 0, 3]
    for ours, theirs in pairs:
        assert ours == theirs
        assert f",seed={ours['seed']}," in ours["hydra"]["job"]["override_dirname"]


def test_one_of_those_that_differ_in_the_seed_alone_is_composed(capsys, monkeypatch, tmp_path):
    calls, load = [], ConfigLoaderImpl.load_sweep_config
    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", lambda *given: calls.append(given) or load(*given))
    monkeypatch.setattr("bench.command.run.Pace.next", lambda *_: None)
    monkeypatch.setattr("bench.study.sweep.run_member", lambda *_: 0.5)
    bench(capsys, "-m", *COPY, "cell=gru,lstm", "seed=range(5)", f"results_dir={tmp_path}")
    assert len(calls) == 2


def test_what_cannot_be_composed_is_told_before_any_runs(capsys, tmp_path):
    said = bench(capsys, "-m", *COPY, "model.hidden=8,wide", f"results_dir={tmp_path}")
    assert said.code == 2 and "model.hidden=wide" in said.err
    assert not [*tmp_path.glob("runs/*")]
