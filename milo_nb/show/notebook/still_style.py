"""What stills look like: shapes that the view has too, and a style sheet for hosts with themes and without."""

from __future__ import annotations

_DISC = "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14z"
_RING = "M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12z"
_RETRY = "M13.2 8.6a5.3 5.3 0 1 1-1.3-4.2M13.4 1.8v3.4H10"

ICONS: dict[str, tuple[str, bool, str]] = {
    "pending": (_RING, False, ""),
    "running": ("M8 1.8a6.2 6.2 0 1 1-6.2 6.2M6.3 5v6L11.2 8z", False, ""),
    "retrying": (_RETRY, False, ""),
    "completed": (_DISC, True, "M4.7 8.3l2.3 2.3 4.3-4.9"),
    "failed": (_DISC, True, "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"),
    "skipped": ("M3 3.6L7.4 8 3 12.4M8.6 3.6L13 8l-4.4 4.4", False, ""),
    "cancelled": (f"{_RING}M3.9 12.1l8.2-8.2", False, ""),
    "paused": (_DISC, True, "M6.2 5.2v5.6M9.8 5.2v5.6"),
    "review": (_DISC, True, "M8 4.1a1.9 1.9 0 1 1 0 3.8a1.9 1.9 0 1 1 0-3.8M4.6 12.1q.4-2.4 3.4-2.4t3.4 2.4"),
}
"""Status to its shape: a path, whether it is filled, and what is drawn on the filled one. As in `js/src/view/icons.tsx`."""

_LIGHT = (
    "--ok:#1a7f37;--fail:#cf222e;--run:#0969da;--warn:#8a5d00;--skip:#6639ba;--idle:#59636e;"
    "--paper:#fff;--ink:#1f2328;--tint:9%"
)
_DARK = (
    "--ok:#3fb950;--fail:#ff7b72;--run:#58a6ff;--warn:#d29922;--skip:#c297ff;--idle:#9ea7b1;"
    "--paper:#111418;--ink:#e6edf3;--tint:15%"
)
# One rule is about what stands above a still where no view comes alive: "Loading widget...", "model not found".
STYLE = f"""<style>
.milo-still{{{_LIGHT}}}
@media(prefers-color-scheme:dark){{.milo-still{{{_DARK}}}}}
:is([data-jp-theme-light=true],.vscode-light) .milo-still{{{_LIGHT}}}
:is([data-jp-theme-light=false],.vscode-dark) .milo-still{{{_DARK}}}
.milo-still{{--bg:var(--jp-layout-color1,var(--vscode-editor-background,var(--paper)));--fg:var(--jp-ui-font-color0,\
var(--vscode-editor-foreground,var(--ink)));--c:var(--idle);background:var(--bg);color:var(--fg);\
border:1px solid color-mix(in srgb,var(--fg) 18%,var(--bg));border-radius:8px;padding:10px 14px;\
font:13px/1.45 var(--jp-ui-font-family,var(--vscode-font-family,system-ui,sans-serif))}}
.milo-still p{{margin:0 0 6px;overflow-wrap:anywhere}}
.milo-still svg{{vertical-align:-3px;max-width:100%;height:auto}}
.milo-still [data-status=completed],.milo-still[data-status=completed]{{--c:var(--ok)}}
.milo-still [data-status=failed],.milo-still[data-status=failed]{{--c:var(--fail)}}
.milo-still [data-status=running],.milo-still[data-status=running]{{--c:var(--run)}}
.milo-still :is([data-status=retrying],[data-status=paused],[data-status=review]),.milo-still:is([data-status=paused],\
[data-status=review]){{--c:var(--warn)}}
.milo-still [data-status=skipped]{{--c:var(--skip)}}
.milo-still :is([data-status=pending],[data-status=cancelled]){{--c:var(--idle)}}
.milo-still p span{{color:var(--c);font-weight:600}}
.milo-still code{{background:none;color:inherit;font:12px/1.5 var(--jp-code-font-family,ui-monospace,monospace)}}
.milo-still .milo-still-graph{{overflow:auto;max-height:640px;margin:6px 0}}
.milo-still rect{{fill:color-mix(in srgb,var(--c) var(--tint),var(--bg));stroke:var(--c);stroke-width:1.5}}
.milo-still :is([data-status=skipped],[data-status=cancelled]) rect{{stroke-dasharray:5 3}}
.milo-still text{{fill:color-mix(in srgb,var(--c) 60%,var(--fg));font-size:11.5px}}
.milo-still .n{{fill:var(--fg);font-size:13px;font-weight:600}}
.milo-still :is(.l,.g,.f){{stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}}
.milo-still .l{{fill:none;stroke:var(--c)}}
.milo-still .f{{fill:var(--c)}}
.milo-still .g{{fill:none;stroke:var(--bg)}}
.milo-still .e{{stroke:color-mix(in srgb,var(--fg) 45%,var(--bg));stroke-width:1.3}}
.milo-still .a{{fill:color-mix(in srgb,var(--fg) 45%,var(--bg))}}
.jp-OutputArea-child:has(>.lm-Panel):not(:has(>.lm-Panel>*)):has(+.jp-OutputArea-child .milo-still){{display:none}}
.milo-still summary{{cursor:pointer}}
.milo-still table{{border-collapse:collapse;margin:6px 0 0;font-size:12px;color:inherit}}
.milo-still :is(th,td){{background:var(--bg);color:inherit;text-align:left;vertical-align:top;padding:2px 14px 2px 0;\
overflow-wrap:anywhere;max-width:none;white-space:normal}}
</style>"""
