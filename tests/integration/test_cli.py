"""The command line asks a running Leadloop over HTTP, and tells people what it answers."""

import asyncio
from contextlib import asynccontextmanager
from datetime import date
from random import Random
from urllib.parse import urlsplit

import pytest
import uvicorn
from typer.testing import CliRunner

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from leadloop.events import timestamp
from leadloop.stepper import Stepper
from services import cli
from services.client import Client, Refused, lead_id_of
from services.embedded import assemble
from services.shadow_cli import shadow
from tests.conftest import MONDAY_MORNING
