"""A local Okta org, to try Hel without one: `python -m examples.okta_org`. It shares no code with Hel."""

from examples.okta_org.faults import FAULT_KINDS, Fault
from examples.okta_org.keys import ClientKey
from examples.okta_org.org import Org
from examples.okta_org.records import Answer, Call
from examples.okta_org.server import Running, running

__all__ = ["FAULT_KINDS", "Answer", "Call", "ClientKey", "Fault", "Org", "Running", "running"]
