"""Plots show the numbers of their tables."""

import pandas as pd
import pytest
from tiny import Given, a_batch, a_model

from bench.diagnosis.tables import diagnose
from bench.report.plots import PLOTS, figure
from bench.report.style import save


@pytest.mark.parametrize("name", PLOTS)
def test_plots_show_what_is_in_the_tables(name, tmp_path):
    """Other numbers, another picture."""
    batch = a_batch(T=5)
    tables = dict(diagnose(a_model(layers=2), Given(train=[batch]), batch))
    tables["clipping"] = pd.DataFrame({"step": [1, 2], "before": [3.0, 2.0], "after": [1.0, 1.0]})
    tables["sentences"] = pd.DataFrame({"sentence": ["a b", "b a"], "x": [0.5, -0.5], "y": [0.1, -0.1]})
    table = tables[name]
    column = {
        "sentences": "y",
        "memory": "share",
        "gates": "share",
        "lyapunov": "exponent",
        "jacobian": "radius",
        "clipping": "before",
    }
    save(figure(name, table), tmp_path / "one.png")
    changed = table.assign(**{column.get(name, "norm"): table[column.get(name, "norm")][::-1].to_numpy()})
    save(figure(name, changed), tmp_path / "other.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "other.png").read_bytes()
