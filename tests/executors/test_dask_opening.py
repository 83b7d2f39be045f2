from __future__ import annotations

import subprocess
import sys

from jsonschema import Draft202012Validator

from orchestra.executors.dask import IN_FLIGHT, SETTINGS, unusable


def test_an_older_python_is_told_what_dask_needs() -> None:
    assert unusable((3, 8), False) == "Dask needs Python 3.10 or newer; this is Python 3.8"


def test_a_missing_dask_is_told_how_to_install_it() -> None:
    assert unusable((3, 10), False) == "Dask is not installed: pip install 'orchestra[dask]'"


def test_an_installed_dask_is_fine() -> None:
    assert unusable((3, 10), True) == ""


def test_the_settings_are_a_schema_that_takes_an_address_and_a_limit() -> None:
    Draft202012Validator.check_schema(SETTINGS)
    schema = Draft202012Validator(SETTINGS)

    assert schema.is_valid({"scheduler": "tcp://head:8786", "max_jobs": IN_FLIGHT})
    assert not schema.is_valid({"scheduler": ""})
    assert not schema.is_valid({"max_jobs": 0})
    assert not schema.is_valid({"address": "tcp://head:8786"})


def test_nothing_of_dask_is_loaded_before_a_place_is_opened() -> None:
    code = "import sys, orchestra.executors.dask; sys.exit('distributed' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
