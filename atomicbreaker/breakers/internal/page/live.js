"use strict";
(() => {
  const live = document.getElementById("live");
  const at = document.getElementById("at");
  const connection = document.getElementById("connection");

  // morph changes an element into another one and keeps the nodes that stay, so that the focus, the
  // selection and the place on the page stay as well. Elements with an id may change their order.
  function morph(have, want) {
    if (have.isEqualNode(want)) return;
    if (have.nodeType !== Node.ELEMENT_NODE) {
      have.nodeValue = want.nodeValue;
      return;
    }
    for (const { name, value } of [...want.attributes]) have.setAttribute(name, value);
    for (const { name } of [...have.attributes]) if (!want.hasAttribute(name)) have.removeAttribute(name);
    children(have, want);
  }

  function children(have, want) {
    const wanted = new Set([...want.children].map((e) => e.id).filter(Boolean));
    const known = new Map();
    for (const e of [...have.children]) {
      if (!e.id) continue;
      if (wanted.has(e.id)) known.set(e.id, e);
      else e.remove();
    }
    let next = have.firstChild;
    for (const w of [...want.childNodes]) {
      let h = known.get(w.id);
      if (!w.id) for (h = next; h && (h.id || h.nodeName !== w.nodeName); ) h = h.nextSibling;
      if (!h) {
        have.insertBefore(document.importNode(w, true), next);
        continue;
      }
      if (h === next) next = next.nextSibling;
      else have.insertBefore(h, next);
      morph(h, w);
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
  }

  function update(html) {
    const focused = document.activeElement;
    children(live, new DOMParser().parseFromString(html, "text/html").body);
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  }

  function say(text, state) {
    connection.hidden = false;
    connection.textContent = text;
    connection.className = state;
  }

  let source, timer;
  function connect() {
    source = new EventSource(live.dataset.src);
    source.addEventListener("open", () => {
      clearTimeout(timer);
      say("live", "on");
    });
    source.addEventListener("at", (e) => {
      const { iso, text } = JSON.parse(e.data);
      at.dateTime = iso;
      at.textContent = text;
    });
    source.addEventListener("page", (e) => update(e.data));
    source.addEventListener("error", () => {
      // A stream ends after a while, and the browser connects again within a second.
      clearTimeout(timer);
      timer = setTimeout(() => {
        say("not live", "off");
        if (source.readyState === EventSource.CLOSED) connect();
      }, 5000);
    });
  }
  connect();
})();
