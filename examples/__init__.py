"""Things to try Hel with: configurations, and a local Okta org."""
