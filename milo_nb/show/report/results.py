"""What a report shows of results and displays: pictures, tables and text; nothing that could act."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from milo_nb.errors import MiloError, in_words
from milo_nb.show.notebook import previews
from milo_nb.show.notebook.outputs import PLAIN, choose
from milo_nb.show.report.text import to_html, to_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from milo_nb.capture.outputs import Output

MOST_DISPLAYS = 4
MAX_IMAGE_BYTES = 600_000
MAX_TEXT = 4_000
MAX_CELL = 200
_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/svg+xml")


def to_result(session: Any, i: int) -> Iterator[str]:
    """Yield what there is to see of the result of the phase at position `i`; nothing if it has none."""
    if session.state.phases[i].status not in ("completed", "skipped"):
        return
    try:
        look, image = previews.to_result(session, i)
    except MiloError as refused:
        yield f"<h3>Result</h3><p>{to_html(str(refused))}</p>"
        return
    except Exception as error:  # noqa: BLE001 - a person's classes may raise anything when they are loaded
        yield f"<h3>Result</h3><p>It cannot be loaded: {to_html(in_words(error), 400)}</p>"
        return
    size = f" <small>{to_html(look['size'])}</small>" if look["size"] else ""
    yield f'<h3>Result <code class="type">{to_html(look["type"], MAX_CELL)}</code>{size}</h3>'
    if look["facts"]:
        rows = "".join(f"<dt>{to_html(name)}</dt><dd>{to_html(said)}</dd>" for name, said in look["facts"])
        yield f"<dl>{rows}</dl>"
    if image:
        yield _picture(look["image"], image, look["type"])
    if look["table"]:
        yield _table(look["table"])
    elif look["preview"] and not image:
        yield f"<pre>{to_html(look['preview'], MAX_TEXT)}</pre>"


def _table(table: Mapping[str, Any]) -> str:
    kinds = [*table["kinds"], *[""] * len(table["columns"])]
    head = "".join(_head(name, kind) for name, kind in zip(table["columns"], kinds, strict=False))
    rows = ["".join(f"<td>{to_html(cell, MAX_CELL)}</td>" for cell in row) for row in table["rows"]]
    if 0 <= table["gap"] <= len(rows):
        rows.insert(table["gap"], f'<td colspan="{len(table["columns"])}">⋮</td>')
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    note = f'<p class="cut">{to_html(table["note"])}</p>' if table["note"] else ""
    return f'<div class="wide" tabindex="0" role="group" aria-label="Result"><table class="values"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>{note}'


def _head(name: str, kind: str) -> str:
    if not name and not kind:
        return "<td></td>"
    return f'<th scope="col">{to_name(name)}{f"<small>{to_html(kind)}</small>" if kind else ""}</th>'


def to_displays(book: Iterable[Output] | None) -> Iterator[str]:
    """Yield what a phase has displayed, the last ones."""
    shown = list(book or ())
    if not shown:
        return
    left = f" <small>(the last {MOST_DISPLAYS} of {len(shown):,})</small>" if len(shown) > MOST_DISPLAYS else ""
    yield f"<h3>Displays{left}</h3>"
    for output in shown[-MOST_DISPLAYS:]:
        yield _display(output)


def _display(output: Output) -> str:
    """Return a display as a picture or as text: what could act is not shown."""
    mime, plain = choose(output), str(output.data.get(PLAIN, ""))
    value = output.data.get(mime, "")
    if mime in _IMAGES:
        return _picture(mime, value if isinstance(value, bytes) else value.encode("utf-8", "replace"), plain)
    text = plain or (value if isinstance(value, str) and mime != "text/html" else "")
    return (
        f"<pre>{to_html(text, MAX_TEXT)}</pre>" if text else f"<p>[{to_html(mime or 'it', 80)} is not shown here]</p>"
    )


def _picture(mime: str, content: bytes, alt: str) -> str:
    if mime not in _IMAGES or len(content) > MAX_IMAGE_BYTES:
        return f"<p>[{to_html(mime, 80)} of {len(content) / 1e6:.1f} MB is left out here]</p>"
    return f'<img src="data:{mime};base64,{b64encode(content).decode()}" alt="{to_html(alt, 150)}">'
