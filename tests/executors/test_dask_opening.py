from __future__ import annotations

import subprocess
import sys

from orchestra.executors.dask import unusable


def test_an_older_python_is_told_what_dask_needs() -> None:
    assert unusable((3, 8), False) == "Dask needs Python 3.10 or newer; this is Python 3.8"


def test_a_missing_dask_is_told_how_to_install_it() -> None:
    assert unusable((3, 10), False) == "Dask is not installed: pip install 'orchestra[dask]'"


def test_an_installed_dask_is_fine() -> None:
    assert unusable((3, 10), True) == ""


def test_nothing_of_dask_is_loaded_before_a_place_is_opened() -> None:
    code = "import sys, orchestra.executors.dask; sys.exit('distributed' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
