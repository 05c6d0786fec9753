"""What to do about a refusal, in words: Okta's own for Okta's log, for any other API by the way that one signs in.

Okta's are those of the guide's troubleshooting table (`examples/okta.md`), Google's those of its own
(https://developers.google.com/identity/protocols/oauth2/service-account#jwterrorcodes). Braces take what the
configuration says.
"""

from collections.abc import Mapping

OKTA_ANY_GRANT = (
    "for Okta's own API use the org server's token URL, /oauth2/v1/token, with a private key; /oauth2/default/v1/token "
    "is for a custom authorization server"
)
_SIGN_IN_AGAIN = (
    "sign in again and store the new refresh token in `refresh_token_file`, which Hel keeps current: the old one "
    "is used up, expired or revoked"
)
OKTA_GRANT: Mapping[str, str] = {
    "invalid_client": (
        "check that the client id is this app's, that client authentication is 'Public key / Private key' on its "
        "General tab with the public half of this key, and, with more than one key there, that "
        "`client_private_key_id` is its kid; " + OKTA_ANY_GRANT
    ),
    "invalid_scope": (
        'set `scopes: ["okta.logs.read"]` and grant it on the app\'s Okta API Scopes tab; ' + OKTA_ANY_GRANT
    ),
    "access_denied": "grant the scope on the app's Okta API Scopes tab; " + OKTA_ANY_GRANT,
    "invalid_grant": _SIGN_IN_AGAIN,
}
"""By the token server's `error`."""

OKTA_ELSEWHERE = (
    "check the domain: {origin}/.well-known/openid-configuration must show JSON with a token_endpoint; the org "
    "server's token URL ends in /oauth2/v1/token"
)
OKTA_FORBIDDEN_APP = (
    "grant okta.logs.read on the app's Okta API Scopes tab and assign an admin role (such as Read-only Admin) on its "
    "Admin roles tab; a token of a custom server (/oauth2/default) can't call Okta's API, use /oauth2/v1/token"
)
OKTA_FORBIDDEN = "give the token's owner an admin role that may read this log (such as Read-only Admin)"
OKTA_UNAUTHORIZED_APP = (
    "check that the token comes from the org server (/oauth2/v1/token) of the same domain, and `dpop` against the "
    "app's 'Require DPoP header': the API refused a fresh token"
)
OKTA_UNAUTHORIZED = "check that the token is valid and not revoked"
OKTA_NO_SSWS = "; Okta's API tokens need `prefix: SSWS`, here it is '{prefix}'"
OKTA_API: Mapping[int, str] = {
    400: (
        "check `from` and `query_params` against the API's documentation; Okta refuses a `since` of more than 180 days "
        "ago"
    ),
    404: "check `url`: the domain and the path (Okta's log is /api/v1/logs)",
}
"""By status."""

ANY_GRANT = (
    "check `token_url`, `scopes` and `audience` against the server's documentation, and `extra_params` for what else "
    "it asks for"
)
GRANT: Mapping[str, str] = {
    "invalid_client": (
        "check that the client id and its secret or key are this app's and not revoked; with a secret, also how this "
        "server wants it: `client_auth: basic` in the header, or `post` in the body"
    ),
    "unauthorized_client": "allow this app the grant that Hel uses: client credentials, or the refresh token",
    "unsupported_grant_type": (
        "check `token_url`: this server has no client credentials (or, with `refresh_token_file`, no refresh tokens)"
    ),
    "invalid_scope": "check `scopes` against the API's documentation, and allow the app what it asks for",
    "access_denied": "allow the app the API in `audience` and the scopes in `scopes`",
    "invalid_grant": _SIGN_IN_AGAIN,
    "invalid_target": "check `audience`, or `resource` in `extra_params`: this server does not know it",
}
"""By the token server's `error`."""

ELSEWHERE = (
    "check `token_url` against the API's documentation; many servers name it as token_endpoint at "
    "{origin}/.well-known/openid-configuration"
)

_DELEGATION = (
    "in the Google Admin console, Security > Access and data control > API controls > Domain-wide delegation, allow "
    "the service account's numeric client ID (`client_id` in its key) exactly these `scopes`; it may take a day to "
    "have an effect"
)
GOOGLE_ANY_GRANT = "check the service account's key, `subject` and `scopes` against the API's documentation"
GOOGLE_GRANT: Mapping[str, str] = {
    "unauthorized_client": _DELEGATION + "; without delegation leave `subject` out",
    "access_denied": _DELEGATION,
    "invalid_grant": (
        "create a new key for the service account (Google Cloud console, IAM & Admin > Service Accounts > Keys) and "
        "put it in the place of the old one, which is deleted, disabled, or not this account's; and check that "
        "`subject`, where there is one, is the address of a user"
    ),
    "invalid_client": "check that the service account still exists, and that its key is unchanged",
    "disabled_client": "enable the service account again, or use another one: it is disabled",
    "invalid_scope": "check `scopes`: Google knows them as URLs, such as https://www.googleapis.com/auth/…",
    "admin_policy_enforced": "let an administrator of the Workspace allow the app these `scopes`",
    "org_internal": "use a service account of the same organisation: this one's project is closed to others",
}
"""By the token server's `error`."""

GOOGLE_TIME = (
    "set this machine's clock (NTP): Google refuses an assertion that is dated too early or too late; Hel has dated "
    "it by the `Date` of Google's answers"
)
GOOGLE_NO_USER = "set `subject` to the address of a user that exists: an administrator of this Workspace"
GOOGLE_NO_ACCOUNT = "use the key of a service account that exists: Google knows none of this address (any more)"
GOOGLE_SAID: Mapping[str, str] = {
    "short-lived token": GOOGLE_TIME,
    "not a valid email": GOOGLE_NO_USER,
    "invalid email or user id": GOOGLE_NO_USER,
    "account not found": GOOGLE_NO_ACCOUNT,
}
"""By a part of the description, in lower case: `invalid_grant` stands for many things."""

GOOGLE_ELSEWHERE = (
    "remove `token_url` (or take the service account's key unchanged): Google's is https://oauth2.googleapis.com/token"
)

_WORKSPACE = (
    "for the log of a Google Workspace {verb} `subject`{to} the address of an administrator who may read it, for whom "
    "the service account acts by domain-wide delegation"
)
GOOGLE_SUBJECT = _WORKSPACE.format(verb="let", to=" be")
GOOGLE_NO_SUBJECT = _WORKSPACE.format(verb="set", to=" to")

UNAUTHORIZED: Mapping[str, str] = {
    "none": "add an `auth` section: this API wants a credential",
    "bearer": (
        "check that the token is one for this API, valid and not revoked, and that `prefix` is the word which the API "
        "wants before it, here {prefix}"
    ),
    "api_key": (
        "check that the key is one for this API, valid and not revoked, that `header` is where the API wants it, here "
        "{header}, and that `prefix` is the word which it wants before it, here {prefix}"
    ),
    "basic": (
        "check user name and password; where the API takes a key, whether it wants it as user name "
        "(`username_env` without a password) or as password"
    ),
    "oauth2": (
        "check that `token_url` is this API's authorization server, and `audience` and `scopes` against its "
        "documentation: the API refused a fresh token"
    ),
    "google_service_account": "check `scopes` against the API's documentation; {subject}",
}
"""By the kind of `auth`, for a 401."""

FORBIDDEN: Mapping[str, str] = {
    "none": "add an `auth` section: this API wants a credential",
    "bearer": "give the token, or its owner, the right to read this log",
    "api_key": "give the key, or its owner, the right to read this log",
    "basic": "give the user, or the key, the right to read this log",
    "oauth2": "give the app the right to read this log, and ask for it in `scopes`",
    "google_service_account": (
        "enable the API in the service account's project (Google Cloud console, APIs & Services), and check `scopes` "
        "against the API's documentation; {subject}"
    ),
}
"""By the kind of `auth`, for a 403."""

API: Mapping[int, str] = {
    400: (
        "check `from`, `query_params` and `body` against the API's documentation; with `window` also how long a span "
        "it takes (`max_secs`)"
    ),
    404: "check `url`: the domain and the path",
    429: (
        "nothing to do unless it happens often: Hel waits for the limit's reset by itself; then lower "
        "`pagination.max_pages` or raise `resilience.rate_limit.page_delay_secs`"
    ),
}
"""By status."""

ANY_API = "check `url` and `query_params` against the API's documentation"
