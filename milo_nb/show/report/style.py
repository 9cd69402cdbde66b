"""What a report looks like: the still's shapes and colours, light or dark as the system is, and on paper."""

from __future__ import annotations

from milo_nb.show.notebook.still_style import STYLE as STILL

_CODES_LIGHT = "--c0:#24292f;--c1:#b3212c;--c2:#116329;--c3:#7a4d00;--c4:#0550ae;--c5:#7a34b8;--c6:#0f6674;--c7:#57606a"
_CODES_DARK = "--c0:#b1bac4;--c1:#ff9a92;--c2:#56d364;--c3:#e3b341;--c4:#79c0ff;--c5:#d2a8ff;--c6:#56d4dd;--c7:#d0d7de"
_COLOURS = "".join(f".c{n}{{color:var(--c{n})}}" for n in range(8))

STYLE = f"""{STILL}
<style>
:root{{{_CODES_LIGHT};--page:#f6f8fa}}
@media(prefers-color-scheme:dark){{:root{{{_CODES_DARK};--page:#0b0e12}}}}
*{{box-sizing:border-box}}
html{{background:var(--page)}}
body{{margin:0;padding:24px 16px}}
main.milo-still{{max-width:1180px;margin:0 auto;padding:20px 28px 32px;font-size:14px}}
h1{{font-size:22px;margin:0 0 10px;overflow-wrap:anywhere}}
h1 svg{{width:22px;height:22px}}
.milo-still h1 span{{color:var(--c);font-size:16px;font-weight:600}}
h2{{font-size:16px;margin:28px 0 10px;padding-bottom:4px;border-bottom:1px solid color-mix(in srgb,var(--fg) 18%,var(--bg))}}
h3{{font-size:14px;margin:0 0 6px}}
.phase h3{{font-size:13px;margin:14px 0 6px}}
small{{font-weight:400;font-size:12px;color:color-mix(in srgb,var(--fg) 72%,var(--bg))}}
a{{color:inherit;text-decoration:underline;text-decoration-color:color-mix(in srgb,var(--fg) 40%,var(--bg));\
text-underline-offset:3px}}
a:hover{{text-decoration-color:currentcolor}}
:focus-visible{{outline:2px solid var(--run);outline-offset:2px}}
svg a{{text-decoration:none}}
svg a:hover rect{{stroke-width:2.5}}
dl{{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:3px 16px;margin:0}}
dt{{color:color-mix(in srgb,var(--fg) 72%,var(--bg))}}
dl+*{{margin-top:8px}}
dd{{margin:0;overflow-wrap:anywhere}}
pre{{margin:0 0 6px;padding:8px 10px;overflow:auto;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;\
background:color-mix(in srgb,var(--fg) 6%,var(--bg));font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}}
pre mark{{display:inline-block;width:100%;color:inherit;background:color-mix(in srgb,var(--fail) 22%,transparent)}}
pre .n{{user-select:none;color:color-mix(in srgb,var(--fg) 75%,var(--bg))}}
code.type{{font-weight:400}}
.wrong{{white-space:pre-wrap}}
.milo-still .where{{margin:6px 0 3px;font-size:12px;color:color-mix(in srgb,var(--fg) 75%,var(--bg))}}
section.error{{border-left:3px solid var(--fail);padding:2px 0 2px 14px;margin:0 0 16px}}
.banner{{border-left:3px solid var(--idle);padding:4px 10px;background:color-mix(in srgb,var(--fg) 6%,var(--bg))}}
.milo-still .banner{{margin:10px 0 0}}
.banner.failed{{border-color:var(--fail)}}
.banner.waiting{{border-color:var(--warn)}}
.cut{{font-style:italic;color:color-mix(in srgb,var(--fg) 75%,var(--bg))}}
.milo-still .milo-still-graph{{max-height:none}}
.milo-still table{{font-size:13px}}
.wide{{overflow:auto;max-width:100%;margin:0 0 6px}}
.milo-still .values{{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:0}}
.milo-still .values :is(th,td){{white-space:nowrap;border-bottom:1px solid color-mix(in srgb,var(--fg) 12%,var(--bg))}}
.values small{{display:block}}
.milo-still .chart{{width:100%;table-layout:fixed}}
.milo-still .chart :is(th,td){{padding:3px 12px 3px 0;vertical-align:middle}}
.chart th:first-child{{width:26%}}
.chart th:nth-child(2){{width:92px}}
.chart :is(th,td){{position:relative}}
.chart tbody th{{font-weight:400;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}
.chart tbody td:nth-child(2){{white-space:nowrap;font-variant-numeric:tabular-nums}}
.chart tbody tr.critical th{{font-weight:600}}
.chart :is(.axis,.lane){{position:relative;height:18px}}
.axis i{{position:absolute;font:11px/18px system-ui,sans-serif;white-space:nowrap;padding-left:4px;\
border-left:1px solid color-mix(in srgb,var(--fg) 30%,var(--bg))}}
.lane{{background:linear-gradient(color-mix(in srgb,var(--fg) 14%,var(--bg)),color-mix(in srgb,var(--fg) 14%,var(--bg))) 0 50%/100% 1px no-repeat}}
.lane i{{position:absolute;top:3px;height:12px;border-radius:2px}}
.lane .work{{background:var(--c)}}
.lane .work[data-status=running]{{border-right:3px double var(--bg)}}
.lane .work[data-status=failed]{{background:repeating-linear-gradient(135deg,var(--c) 0 5px,color-mix(in srgb,var(--c) 70%,var(--bg)) 5px 8px)}}
.critical .lane .work,.legend .critical{{box-shadow:0 0 0 1px var(--bg),0 0 0 3px color-mix(in srgb,var(--fg) 75%,var(--bg))}}
.milo-still :is(.lane,.legend) :is(.wait,.delay,.review){{top:6px;height:6px;border:1px solid var(--idle);background:none}}
.milo-still :is(.lane,.legend) .delay{{border:0;background:repeating-linear-gradient(90deg,var(--warn) 0 3px,transparent 3px 6px)}}
.milo-still :is(.lane,.legend) .review{{border-color:var(--run);border-style:dashed}}
:is(.axis,.legend) .gap{{height:14px;top:2px;border:solid color-mix(in srgb,var(--fg) 50%,var(--bg));border-width:0 1px;\
background:repeating-linear-gradient(115deg,transparent 0 3px,color-mix(in srgb,var(--fg) 35%,var(--bg)) 3px 4px)}}
.milo-still .legend{{display:flex;flex-wrap:wrap;gap:4px 20px;margin:10px 0 0;font-size:12px}}
.milo-still .legend span{{color:inherit;font-weight:400;display:flex;align-items:center;gap:7px}}
.legend i{{display:block;width:26px;height:12px;border-radius:2px}}
.legend .work{{background:var(--ok)}}
.phase{{border:1px solid color-mix(in srgb,var(--fg) 18%,var(--bg));border-left:3px solid var(--c);border-radius:6px;margin:0 0 6px}}
.phase>summary{{padding:6px 12px;overflow-wrap:anywhere}}
.phase>summary span{{color:var(--c);font-weight:600;margin-left:6px}}
.phase>summary .took{{float:right;color:inherit;font-weight:400;font-variant-numeric:tabular-nums}}
.phase .body{{padding:4px 14px 12px;scroll-margin-top:60px}}
.phase img{{display:block;max-width:100%;margin:0 0 8px;background:#fff;border-radius:4px}}
.milo-still td[data-status],.milo-still tr[data-status]{{vertical-align:top}}
.warned{{color:var(--warn)}}
.b{{font-weight:700}}.d{{opacity:.8}}.i{{font-style:italic}}.u{{text-decoration:underline}}.s{{text-decoration:line-through}}
{_COLOURS}
.sr{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}}
@media(max-width:640px){{body{{padding:0}}main.milo-still{{padding:14px;border:0;border-radius:0}}.chart th:first-child{{width:38%}}.chart th:nth-child(2){{width:70px}}.axis i:nth-of-type(even):not(.gap){{display:none}}}}
@media print{{
.milo-still{{--bg:#fff;--fg:#1f2328;--ok:#1a7f37;--fail:#cf222e;--run:#0969da;--warn:#8a5d00;--skip:#6639ba;--idle:#59636e;--tint:9%}}
:root{{{_CODES_LIGHT}}}
html{{background:none}}
body{{padding:0}}
main.milo-still{{border:0;padding:0;max-width:none;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.milo-still .milo-still-graph{{overflow:visible}}
.milo-still .milo-still-graph svg{{min-width:0!important;width:100%}}
details::details-content{{content-visibility:visible;block-size:auto;display:block}}
:is(tr,section,img,.milo-still-graph,summary){{break-inside:avoid}}
:is(h2,h3,summary){{break-after:avoid}}
}}
</style>"""
