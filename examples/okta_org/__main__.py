"""`python -m examples.okta_org`."""

import sys

from examples.okta_org.command import main

sys.exit(main(sys.argv[1:]))
