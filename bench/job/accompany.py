"""What the ranks but the first do in a run: they train in step with it, and leave the rest to it."""

from __future__ import annotations

from bench.config.options import Options
from bench.hardware.ranks import RankLost, Ranks
from bench.job.ended import Ended
from bench.job.prepared import Prepared, prepare
from bench.measure.speed import hold_still
from bench.measure.training import accompany as accompany_timing
from bench.results.record import Record
from bench.train.fit import Fit
from bench.train.interrupts import Interrupts, ignore_stop_signals


def accompany(options: Options, ranks: Ranks) -> Record:
    """Take part in a run that the first rank executes; its record.

    Raises SystemExit, with nothing printed, where the run ends early: the first rank says why. A rank that ends by an
    error of its own leaves word of it.
    """
    prepared = prepare(options, ranks)
    if prepared.error is not None:
        raise SystemExit(getattr(prepared.error, "exit_code", 1))
    try:
        done = ranks.first_says(None)
        return _to_the_end(prepared, ranks) if done is None else done
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except RankLost:
        raise SystemExit(1) from None
    except Exception as error:
        ended = Ended().by(error)
        ranks.tell_fault(ended.status, str(ended.reason))
        raise SystemExit(1) from error
    finally:
        ignore_stop_signals()  # torchrun sends one to all that are left as soon as the first has ended


def _to_the_end(prepared: Prepared, ranks: Ranks) -> Record:
    setup = prepared.setup
    assert setup is not None
    with Interrupts() as interrupts, interrupts.after(1):
        for _ in Fit(setup, stop=interrupts.asked):
            pass
    hold_still(setup.optimizer)
    accompany_timing(setup)
    record = ranks.first_says(None)
    assert record is not None
    return record
