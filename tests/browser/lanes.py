"""What goes from a page to its kernel and back, noted and, where a test wants that, lost, doubled or put out of order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.browser.notebook import Notebook

NOTE = """() => {
  const kernel = window.panel.sessionContext.session.kernel;
  window.sent = [];
  const note = (by, method) => {
    const send = kernel[method].bind(kernel);
    kernel[method] = (message, ...rest) => {
      const data = message.header.msg_type === "comm_msg" ? message.content.data : {};
      if (data.method === "custom") window.sent.push({ ...data.content, by, message });
      return send(message, ...rest);
    };
  };
  note("control", "sendControlMessage");
  note("comm", "sendShellMessage");
}"""
SEND_AGAIN = """(ids) => {
  const kernel = window.panel.sessionContext.session.kernel;
  for (const id of ids) {
    const { message } = window.sent.find((sent) => sent.id === id);
    const again = (channel) => ({ ...message, channel, header: { ...message.header, msg_id: crypto.randomUUID() } });
    kernel.sendShellMessage(again("shell"), false, true);
    kernel.sendControlMessage(again("control"), false, true);
  }
}"""
DISTURB = """() => {
  const comms = window.panel.sessionContext.session.kernel._comms;
  window.disturbed = { lost: 0, twice: 0, late: 0 };
  for (const comm of comms.values()) {
    const deliver = comm.onMsg;
    let count = 0;
    let kept = null;
    const hand = (message) => (message.content.data.method === "custom" ? disturb(message) : deliver(message));
    const disturb = (message) => {
      count += 1;
      const before = kept;
      kept = null;
      if (count % 5 === 1) window.disturbed.lost += 1;
      else if (count % 5 === 3) [kept, window.disturbed.late] = [message, window.disturbed.late + 1];
      else deliver(message);
      if (count % 5 === 2) [window.disturbed.twice] = [window.disturbed.twice + 1, deliver(message)];
      if (before) deliver(before);
    };
    comm.onMsg = hand;
  }
}"""
CLOSE_CONTROL = "() => { window.panel.sessionContext.session.kernel.sendControlMessage = undefined; }"


class Lanes:
    """The two ways from one page to its kernel."""

    def __init__(self, notebook: Notebook) -> None:
        """Note from now on what goes by which."""
        self._page = notebook.page
        self._page.evaluate(NOTE)

    def sent(self, kind: str = "command") -> list[dict[str, Any]]:
        """Return the messages of a kind that the page has sent; `by` says by which lane each went."""
        messages = self._page.evaluate("window.sent.map(({ message, ...content }) => content)")
        return [message for message in messages if message["type"] == kind]

    def ways(self, command: str) -> list[str]:
        """Return the lanes by which the first command of that name went."""
        sent = [message for message in self.sent() if message["command"] == command]
        return [message["by"] for message in sent if message["id"] == sent[0]["id"]]

    def send_again(self, ids: Iterable[str]) -> None:
        """Send messages once more, by both."""
        self._page.evaluate(SEND_AGAIN, list(ids))

    def close_control(self) -> None:
        """Leave the comm only, as front ends that have no control channel to offer."""
        self._page.evaluate(CLOSE_CONTROL)

    def disturb(self) -> None:
        """From now on lose one of five messages of the kernel, deliver one twice and one after the next."""
        self._page.evaluate(DISTURB)

    def disturbed(self) -> dict[str, int]:
        """Return how many messages were lost, came twice, came late."""
        return self._page.evaluate("window.disturbed")
