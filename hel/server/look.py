"""How the status page looks: calm, by day and by night, on a desk and on a phone. Contrasts are WCAG AA's or better."""

STYLE = """
:root{--ground:#f5f5f2;--sheet:#fff;--ink:#1b2126;--faint:#59626b;--rule:#dcdfe1;--fill:#3d6f9e;--link:#1f5a94;
--good:#17683a;--bad:#ad2118;--busy:#7a4b00;--alarm:#fcf0ee}
@media(prefers-color-scheme:dark){:root{--ground:#131619;--sheet:#1b1f23;--ink:#e3e6e8;--faint:#a0a9b1;--rule:#31373d;
--fill:#6d9ec9;--link:#8abdf0;--good:#74cb95;--bad:#ff9a8f;--busy:#ecb65c;--alarm:#2b1e1d}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:82rem;background:var(--ground);color:var(--ink);overflow-wrap:anywhere;
font:1rem/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}
p,h1,ul,dl,dd{margin:0}
small{display:block;color:var(--faint);font-size:.8125rem}
a{color:var(--link)}
.good{color:var(--good)}.bad{color:var(--bad)}.busy{color:var(--busy)}.faint{color:var(--faint)}
p.bad{font-weight:650}
header{display:grid;grid-template-columns:auto 1fr;align-items:baseline;column-gap:.75rem}
.mark{grid-column:1/-1;color:var(--faint);font-size:.8125rem;letter-spacing:.14em;text-transform:uppercase}
h1{font-size:1.75rem;line-height:1.2;font-weight:650}
.why{grid-column:1/-1;margin-top:.75rem;padding-left:1.25rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:1rem 2rem;margin:1.5rem 0;
padding:1rem 0;border:solid var(--rule);border-width:1px 0}
dt,thead,td::before{color:var(--faint);font-size:.8125rem;font-weight:400}
table,tbody,caption{display:block}
caption{text-align:left;font-size:1.125rem;font-weight:650;margin-bottom:.5rem}
tr{display:grid;grid-template-columns:2.7fr 1.5fr 1.6fr 1.4fr 1.3fr 2.6fr;gap:.75rem 1.25rem;
padding:.875rem 1.25rem;position:relative}
th,td{padding:0;text-align:left;vertical-align:top;min-width:0}
thead{display:block}
thead tr{padding-block:0 .375rem;border-left:.25rem solid transparent}
thead th:last-child,.none{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
tbody tr{background:var(--sheet);border:1px solid var(--rule);border-left:.25rem solid var(--rule);margin-top:-1px}
tbody tr.is-bad{border-left-color:var(--bad)}
.name{display:block;font-weight:650}
th{font-weight:400}
.last{grid-column:1/-1}
.wrong{display:block;padding:.625rem .75rem;background:var(--alarm);border-radius:.25rem}
main>.wrong{margin-top:.75rem;border-left:.25rem solid var(--bad)}
.wrong>b,.fix{display:block}
.fix{margin:.25rem 0}
svg{display:block;width:100%;max-width:20rem;height:1.75rem;margin-bottom:.125rem}
path{fill:var(--fill)}
.base{fill:none;stroke:var(--rule);vector-effect:non-scaling-stroke}
.bar{display:block;max-width:12rem;height:.5rem;margin:.375rem 0 .25rem;border:1px solid var(--faint);
border-radius:.25rem;overflow:hidden}
.bar i{display:block;height:100%;background:var(--fill)}
.empty{padding:1.25rem;background:var(--sheet);border:1px solid var(--rule)}
footer{margin-top:1.5rem;color:var(--faint);font-size:.8125rem}
@media(max-width:60rem){
body{padding:1rem}
thead{display:block;position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{grid-template-columns:repeat(4,minmax(0,1fr));padding:.875rem 1rem}
tbody tr{margin-top:.75rem}
tbody th,td:nth-child(6){grid-column:1/-1}
td::before{content:attr(data-label);display:block}
.last::before{content:none}
}
@media(max-width:40rem){
tr,.facts{grid-template-columns:repeat(2,minmax(0,1fr))}
.facts div:nth-child(-n+2){grid-column:1/-1}
}
""".replace("\n", "")
