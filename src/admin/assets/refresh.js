// Keeps the figures of a page fresh: asks for the page again and puts its marked parts in place of the old ones.
// Forms are never touched, and without this script the page is as good, only older.
(() => {
  "use strict";
  const parts = document.querySelectorAll("[data-refresh][id]");
  if (parts.length === 0) return;
  const fresh = document.getElementById("fresh");
  const every = 10000;
  let running = true;

  async function refresh() {
    if (document.hidden || !running) return;
    try {
      const answer = await fetch(location.pathname, { headers: { accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of parts) {
        const now = page.getElementById(part.id);
        if (now && !part.contains(document.activeElement)) part.replaceChildren(...now.childNodes);
      }
      const time = page.querySelector("footer time");
      if (fresh && time) fresh.textContent = "· figures of " + time.textContent;
    } catch {
      running = false;
      if (fresh) fresh.textContent = "· figures are not refreshed any more: load the page again";
    }
  }
  setInterval(refresh, every);
})();
