"""What `hel test` says: each step with a tick or a cross, as it happens, and the fix under a cross.

It hears what the log hears, so there is one account of what happened and no second one to keep true.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hel.cli.account import in_words
from hel.cli.marks import ADVICE, CROSSED, PASSED, WAITING
from hel.cli.wording import found_secrets
from hel.collector import Outcome
from hel.config.auth import GoogleServiceAccountAuth, OAuth2Auth
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig
from hel.errors import HelError, NoStartError
from hel.tick import Tick
from hel.timestamps import utc_text

_WARNINGS = frozenset({"question.changed", "cursor.refused", "field.missing", "clock.skewed", "refresh_token.not_kept"})


class Report:
    """The report on one source.

    Args:
        name: The source's name.
        source: Its config.
        secrets: What was found for it.
        say: Takes each line.
    """

    def __init__(self, name: str, source: SourceConfig, secrets: Secrets, say: Callable[[str], None]) -> None:
        self._name = name
        self._source = source
        self._secrets = secrets
        self._say = say
        self._answered: Mapping[str, Any] = {}
        self._minted = False

    def begin(self, warnings: Iterable[str] = ()) -> None:
        """Name the source, where its secrets were found, and what is not safe about them."""
        self._say(f"{self._name}: {self._source.url}")
        for line in found_secrets(self._source, self._secrets):
            self._say(line)
        for warning in warnings:
            self._say(f"  {ADVICE} {warning}")

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Turn an event of the log into a step of the report."""
        if event == "token.minted":
            self._minted = True
            self._passed("token", _token(fields))
        elif event == "request.answered":
            if not self._answered and 200 <= fields["status"] < 300:
                self._passed("request", f"{fields['status']} after {fields['took_s']} s")
            self._answered = fields
        elif event == "request.retried":
            self._say(f"  {WAITING} attempt {fields['attempt']} of {fields['of']}: {fields['because']}")
            self._say(f"    trying again in {fields['wait_s']:g} s")
        elif event == "limit.paused":
            self._say(f"  {WAITING} the rate limit's window is used up; going on in {fields['wait_s']:g} s")
        elif event == "line.skipped":
            self._say(f"  {ADVICE} an event of {fields['ts']} was left out, its line is {fields['bytes']:,} bytes long")
        elif event in _WARNINGS:
            self._say(f"  {ADVICE} {fields.get('because') or fields.get('key') or event}: {fields['fix']}")

    def end(self, outcome: Outcome) -> None:
        """Say what came, what is left of the rate limit, and where the next tick would start."""
        for error in outcome.failures.values():
            self._failed(error)
        if outcome.output is not None:
            self._crossed("output", outcome.output)
        for tick in outcome.ticks.values():
            self._passed("events", in_words(tick))
            if tick.unnamed and tick.events + tick.duplicates:
                self._say(
                    f"  {ADVICE} no page had anything at `{tick.unnamed}`: right if there was one page only; if this "
                    "log has more, the path is wrong and the rest is not collected"
                )
            if tick.pages and not (tick.events or tick.duplicates or tick.skipped):
                self._say(
                    "    no events: the time range or a filter may exclude them; try without `from` and `filter` first"
                )
        if (limit := self._answered.get("rate_limit")) is not None:
            self._passed("rate limit", f"{self._answered['rate_remaining']} of {limit} requests left in this window")
        for tick in outcome.ticks.values():
            self._passed("next tick", f"{self._start(tick)}; the state was not moved")

    def _start(self, tick: Tick) -> str:
        """Where the next tick would start; one that walks has no place for that, but an overlap."""
        if tick.finished:
            return "none: the source is finished"
        window, mark = self._source.window, self._source.watermark
        if tick.resume is None and window is not None:
            return f"would start {window.overlap_secs:g} s before the end of this one's last window"
        if tick.resume is None and mark is not None and tick.watermark is not None:
            is_number = mark.format == "number"
            what = f"{tick.watermark:.0f}" if is_number else f"{utc_text(tick.watermark)}, the newest event's time"
            return f"would start {mark.overlap_secs:g}{'' if is_number else ' s'} before {what}"
        return f"would start at {tick.resume or 'the beginning'}"

    def _failed(self, error: HelError) -> None:
        if isinstance(error, NoStartError):
            self._crossed("start", error)
            return
        needs_token = isinstance(self._source.auth, OAuth2Auth | GoogleServiceAccountAuth) and not self._minted
        self._crossed("token" if needs_token else "request" if not self._ok() else "events", error)

    def _ok(self) -> bool:
        return bool(200 <= self._answered.get("status", 0) < 300)

    def _passed(self, step: str, text: str) -> None:
        self._say(f"  {PASSED} {step}: {text}")

    def _crossed(self, step: str, error: HelError) -> None:
        self._say(f"  {CROSSED} {step}: {error.message}")
        if error.fix:
            self._say(f"    fix: {error.fix}")


def _token(fields: Mapping[str, Any]) -> str:
    lifetime = fields["lifetime_s"]
    lasts = f"for {lifetime / 60:.0f} minutes" if lifetime else "for a time that the server did not say"
    return f"{fields['type']}, {lasts}, scopes: {fields['scopes'] or 'not said'}"
