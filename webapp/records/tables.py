"""Every table of the application: importing this module fills `METADATA`."""

from webapp.records import accounts, artefacts, jobs, screenings, suspects
from webapp.records.base import Record

MODULES = (accounts, artefacts, screenings, jobs, suspects)
METADATA = Record.metadata
