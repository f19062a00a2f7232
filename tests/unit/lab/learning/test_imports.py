"""No service pays for numpy, nor the command line, until something is to be learned."""

import ast
import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "sklearn")


@pytest.mark.parametrize(
    "module",
    [
        "services.cli",
        "services.scoring.app",
        "services.feedback.app",
        "services.scoring.models.predictor",
    ],
)
def test_numpy_is_not_imported_on_the_way(module):
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "[]"


def test_one_service_loads_the_metrics_of_no_other():
    run = "import sys, services.cli, services.up, services.intake.app; print([*sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, check=True
    )

    loaded = set(ast.literal_eval(found.stdout))
    rooms = {name for name in loaded if name.startswith("services.")}
    assert {name for name in rooms if name.endswith(".metrics")} == {"services.intake.metrics"}
