"""The status page: what `/api/v1/sources` answers, as one HTML document without script or outside asset.

The rule: a value becomes a part of the page through `_text` (or as a number), for names, URLs and an API's error text
may be hostile. Any value may be missing or null. What colour says, a word or a sign beside it says, too.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from hel.server.look import STYLE
from hel.telemetry.printable import printable
from hel.timestamps import parse_time, utc_text

RENEWED_S = 15
"""How often an open page is loaded again."""

_STATES = {
    "failing": ("bad", "✕", "failing"),
    "catching_up": ("busy", "»", "catching up"),
    "starting": ("calm", "…", "starting"),
    "ok": ("good", "✓", "ok"),
    "finished": ("calm", "■", "finished"),
}
_CIRCUITS = {
    "closed": "closed",
    "open": '<b class="bad">✕ open</b><small>it is left alone for now</small>',
    "half_open": '<b class="busy">» half open</b><small>it is tried again</small>',
    "off": "off",
}
_FIELDS = ("Source", "Last success", "Newest event", "Rate limit", "Circuit", "Events per minute", "Last error")
_UNKNOWN = '<span class="faint">not known</span>'


def page(snapshot: Mapping[str, Any]) -> str:
    """The page of this state of things.

    Args:
        snapshot: The JSON of `/api/v1/sources`.
    """
    now = parse_time(_plain(snapshot.get("now"))) or 0.0
    given = snapshot.get("sources")
    sources = sorted(map(_mapping, given if isinstance(given, list) else []), key=_rank)
    failing = sum(source.get("state") == "failing" for source in sources)
    is_ready = snapshot.get("ready") is True
    verdict = "Ready" if is_ready else "Not ready"
    count = _plural(len(sources), "source")
    summary = f"{failing} of {count} failing" if failing else count if sources else "no sources"
    reasons = "" if is_ready else _reasons(snapshot.get("because"))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{verdict}, {summary} | Hel</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="{RENEWED_S}">'
        f"<style>{STYLE}</style></head><body>"
        f'<header><p class="mark">Hel</p><h1 class="{"good" if is_ready else "bad"}">'
        f'<span aria-hidden="true">{"✓" if is_ready else "✕"}</span> {verdict}</h1>'
        f'<p class="{"bad" if failing else "faint"}">{summary}</p>{reasons}</header>'
        f"<main>{_facts(snapshot, now)}{_table(sources, now)}</main>"
        f"<footer>As of {utc_text(now)[:19].replace('T', ' ')} UTC. This page is loaded again every {RENEWED_S} s. "
        'The same as JSON: <a href="api/v1/sources">api/v1/sources</a>; for Prometheus: <a href="metrics">metrics</a>.'
        "</footer></body></html>"
    )


def _rank(source: Mapping[str, Any]) -> int:
    """What fails comes first, then what does not look as it should; otherwise their order stays."""
    state = _plain(source.get("state"))
    if state == "failing":
        return 0
    is_odd = source.get("error") or source.get("circuit") not in (None, "closed", "off") or state not in _STATES
    return 1 if is_odd else 1 + list(_STATES).index(state)


def _reasons(because: Any) -> str:
    reasons = "".join(f"<li>{_text(reason)}</li>" for reason in because) if isinstance(because, list) else ""
    return f'<ul class="why">{reasons}</ul>' if reasons else ""


def _facts(snapshot: Mapping[str, Any], now: float) -> str:
    """Output, state, queue and the program itself."""
    started = snapshot.get("started_at")
    output, state = _mapping(snapshot.get("output")), _mapping(snapshot.get("state"))
    up = _age(started, now, "for {}") + f"<small>since {_moment(started, now)}</small>"
    facts = {
        "Output": _text(output.get("path")).replace("/", "/<wbr>") or "stdout",
        "State": _text(state.get("path")).replace("/", "/<wbr>") or _UNKNOWN,
        "Queue": _fill(_mapping(snapshot.get("queue"))),
        "Runs": up if started else _UNKNOWN,
        "Version": _text(snapshot.get("version")) or _UNKNOWN,
    }
    troubles = "".join(_trouble(_mapping(each.get("error")), "", now) for each in (output, state) if each.get("error"))
    listed = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts.items())
    return f'{troubles}<dl class="facts">{listed}</dl>'


def _fill(queue: Mapping[str, Any]) -> str:
    events, most = _number(queue.get("events")), _number(queue.get("max_events"))
    size, most_size = _number(queue.get("bytes")), _number(queue.get("max_bytes"))
    share = max(_share(events, most), _share(size, most_size))
    says = f"{events:,.0f} of {most:,.0f} events</small><small>{size / 1e6:,.1f} of {most_size / 1e6:,.0f} MB"
    return f"{share:.0%} full{_bar(share)}<small>{says}</small>"


def _table(sources: Iterable[Mapping[str, Any]], now: float) -> str:
    """A row a source. The roles stand there because the style makes cards of the rows, which takes them away."""
    rows = "".join(_row(source, now) for source in sources)
    if not rows:
        return '<p class="empty">There are no sources: add one under <code>sources:</code> in the config.</p>'
    heads = "".join(f'<th scope="col" role="columnheader">{field}</th>' for field in _FIELDS)
    return (
        '<table role="table"><caption>Sources</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
    )


def _row(source: Mapping[str, Any], now: float) -> str:
    state = _plain(source.get("state"))
    kind, sign, word = _STATES.get(state, ("busy", "?", _text(state) or "unknown"))
    error = _mapping(source.get("error"))
    cells = (
        _succeeded(source, now),
        _newest(source, now),
        _budget(source.get("rate_limit")) + _paused(source, now),
        _CIRCUITS.get(_plain(source.get("circuit"))) or _text(source.get("circuit")) or _UNKNOWN,
        _sparkline(source),
    )
    named = "".join(
        f'<td role="cell" data-label="{field}">{cell}</td>' for field, cell in zip(_FIELDS[1:-1], cells, strict=True)
    )
    failures = _number(source.get("failures"))
    counted = f"{_plural(failures, 'tick')} failed in a row, " if failures else ""
    trouble = _trouble(error, counted, now) if error else "none"
    head = (
        f'<span class="name">{_text(source.get("name"))}</span>'
        f'<span class="state {kind}"><span aria-hidden="true">{sign}</span> {word}</span>'
        f"<small>{_text(source.get('url')).replace('/', '/<wbr>')}</small>"
    )
    return (
        f'<tr role="row" class="is-{kind}"><th scope="row" role="rowheader">{head}</th>{named}'
        f'<td role="cell" class="{"last" if error else "last none"}">{trouble}</td></tr>'
    )


def _succeeded(source: Mapping[str, Any], now: float) -> str:
    ago, due = _age(source.get("last_success"), now, "{} ago"), parse_time(_plain(source.get("next_poll")))
    coming = "" if due is None else f"<small>next in {_span(due - now)}</small>" if due > now else "<small>due</small>"
    return (ago or "never") + coming


def _newest(source: Mapping[str, Any], now: float) -> str:
    newest, lag_s = source.get("newest_event"), source.get("lag_s")
    age = _age(newest, now, "{} old") if lag_s is None else f"{_span(_number(lag_s))} old"
    return f"{age}<small>{_moment(newest, now)}</small>" if newest else age or _UNKNOWN


def _paused(source: Mapping[str, Any], now: float) -> str:
    until = parse_time(_plain(source.get("paused_until")))
    return f"<small>paused for {_span(until - now)}</small>" if until is not None and until > now else ""


def _sparkline(source: Mapping[str, Any]) -> str:
    """Sixty minutes as steps, the newest at the right, and in words."""
    given = source.get("events_per_minute")
    values = [max(0.0, _number(value)) for value in given][-60:] if isinstance(given, list) else []
    most, total = max(values, default=0.0), sum(values)
    says = f"{total:,.0f} in {len(values)} min, at most {most:,.0f} in one"
    heights = {value: f"V{_height(value, most)}h2" for value in set(values)}
    steps = "".join(heights[value] for value in values)
    start = 120 - 2 * len(values)
    delivered, again = _number(source.get("events")), _number(source.get("duplicates"))
    left_out = f"<small>{_plural(again, 'duplicate')} left out</small>" if again else ""
    return (
        f'<svg viewBox="0 0 120 25" preserveAspectRatio="none" role="img" aria-label="Events per minute: {says}">'
        f'<path class="base" d="M0 24.5h120"/><path d="M{start} 24{steps}V24z"/></svg>'
        f"<small>{says}</small><small>{delivered:,.0f} since the start</small>{left_out}"
    )


def _height(value: float, most: float) -> str:
    """From the top; what is not nothing can be seen."""
    return f"{24 - (max(1.5, 24 * value / most) if value else 0):.3g}"


def _budget(limit: Any) -> str:
    if not isinstance(limit, Mapping):
        return '<span class="faint">not told</span>'
    left, most = _number(limit.get("remaining")), _number(limit.get("limit"))
    return f"{left:,.0f} of {most:,.0f} left{_bar(_share(left, most))}"


def _trouble(error: Mapping[str, Any], counted: str, now: float) -> str:
    """What is wrong, what to do, and since when."""
    since = _age(error.get("since"), now, "for {}")
    how_long = f"<small>{counted}{since}</small>" if counted or since else ""
    what, fix = _text(error.get("message")) or "failed", _text(error.get("fix"))
    remedy = f'<span class="fix"><b>Fix:</b> {fix}</span>' if fix else ""
    return f'<span class="wrong"><b class="bad">✕&nbsp;{what}</b>{remedy}{how_long}</span>'


def _bar(share: float) -> str:
    return f'<span class="bar" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'


def _moment(at: Any, now: float) -> str:
    """A time as it is: without its day where that is today."""
    moment = parse_time(_plain(at))
    if moment is None:
        return _text(at)
    text = utc_text(moment)
    is_today = text[:10] == utc_text(now)[:10]
    return f'<time datetime="{text}">{text[11:19] if is_today else f"{text[:10]} {text[11:16]}"} UTC</time>'


def _age(at: Any, now: float, words: str) -> str:
    """How long ago a time was, in words, with the exact time in its title; nothing where there is none."""
    moment = parse_time(_plain(at))
    if moment is None:
        return _text(at)
    exact = utc_text(moment)
    return f'<time datetime="{exact}" title="{exact}">{words.format(_span(now - moment))}</time>'


def _span(seconds: float) -> str:
    """A time's length in its two largest units."""
    whole = max(0, round(seconds))
    if whole < 7200:
        return f"{whole} s" if whole < 120 else f"{whole // 60} min"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    return f"{hours} h {minutes % 60} min" if days < 2 else f"{days} d {hours % 24} h"


def _plural(count: float, noun: str) -> str:
    return f"{count:,.0f} {noun}{'' if count == 1 else 's'}"


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def _number(value: Any) -> float:
    """A number, or 0 for anything else, also for what no page can show."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e18 else 0.0


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(value: Any) -> str:
    """A text as a part of the page: no markup, no control characters, no secret, not without end."""
    return escape(printable(_plain(value), limit=600))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
