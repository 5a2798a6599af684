// Makes the pages refresh themselves and filter while typing; without it they work by reloading.
"use strict";

(() => {
  const EVERY = 10_000;
  const TYPING = 300;
  const offline = document.getElementById("offline");
  const pause = document.getElementById("pause");
  const form = document.getElementById("filter");
  let isPaused = false;
  let newest = 0;
  let timer = 0;

  forgetLanguage();

  function forgetLanguage() { // a cookie holds it; the address would switch back every other tab
    const url = new URL(location.href);
    if (url.searchParams.has("lang")) {
      url.searchParams.delete("lang");
      history.replaceState(null, "", url);
    }
  }

  function isSelecting(element) {
    const selection = getSelection();
    return !selection.isCollapsed && (element.contains(selection.anchorNode) || element.contains(selection.focusNode));
  }

  function focusPath(element) { // where the focus is, in terms that the new content has too
    const focused = document.activeElement;
    if (!focused || !element.contains(focused) || focused === element) return null;
    const key = focused.getAttribute("href");
    const twins = [...element.querySelectorAll(focused.tagName)].filter((each) => each.getAttribute("href") === key);
    return { tag: focused.tagName, key, place: twins.indexOf(focused) };
  }

  function focusAgain(element, path) {
    const twins = [...element.querySelectorAll(path.tag)].filter((each) => each.getAttribute("href") === path.key);
    const target = twins[path.place] || twins[0];
    if (target) target.focus({ preventScroll: true });
  }

  function swap(fresh) {
    for (const element of document.querySelectorAll("[data-class]")) {
      const other = fresh.getElementById(element.id);
      if (other) element.className = other.className;
    }
    for (const element of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(element.id);
      if (!other || isSelecting(element)) continue;
      element.hidden = other.hidden;
      if (element.innerHTML === other.innerHTML) continue;
      const path = focusPath(element);
      const open = [...element.querySelectorAll("details[open][id]")].map((each) => each.id);
      const scrolled = [...element.querySelectorAll("pre")].map((each) => [each.scrollLeft, each.scrollTop]);
      element.replaceChildren(...other.childNodes);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      element.querySelectorAll("pre").forEach((each, index) => {
        if (scrolled[index]) [each.scrollLeft, each.scrollTop] = scrolled[index];
      });
      if (path) focusAgain(element, path);
    }
    document.title = fresh.title;
  }

  async function load(url) {
    const mine = ++newest;
    clearTimeout(timer);
    try {
      const reply = await fetch(url, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(EVERY) });
      const text = await reply.text();
      if (mine !== newest) return; // a later question was asked meanwhile
      if (reply.status >= 500 || reply.status === 401) throw new Error(String(reply.status));
      swap(new DOMParser().parseFromString(text, "text/html"));
      offline.hidden = true;
    } catch {
      if (mine !== newest) return;
      const seen = document.querySelector("#rest time").dateTime.slice(11, 19);
      if (offline.hidden) offline.textContent = offline.dataset.text.replace("{time}", seen);
      offline.hidden = false;
    }
    later();
  }

  function later() {
    clearTimeout(timer);
    if (!isPaused && !document.hidden) timer = setTimeout(() => load(location.href), EVERY);
  }

  function ask() {
    const words = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      const isDefault = value === "" || (name === "show" && value === "all") || (name === "sort" && value === "worst");
      if (!isDefault) words.set(name, value);
    }
    const query = words.toString();
    history.replaceState(null, "", query ? `./?${query}` : "./");
    load(location.href);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (!isPaused) load(location.href);
  });

  document.getElementById("by-hand").hidden = true;
  if (!document.querySelector("main [data-live]")) return;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? pause.dataset.resume : pause.dataset.pause;
    if (isPaused) clearTimeout(timer);
    else load(location.href);
  });

  if (form) {
    let typing = 0;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(typing);
      ask();
    });
    form.addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(ask, event.target.tagName === "SELECT" ? 0 : TYPING);
    });
  }

  later();
})();
