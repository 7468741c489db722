"use strict";
// Everything is drawn by the server; here clicks go out and changed pieces come in.
const byId = (id) => document.getElementById(id);
const query = () => new URLSearchParams(here).toString();

async function post(path, body) {
  const answer = await fetch(`/control/people/${here.as}/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return answer.json();
}

// Replaces only messages that changed: what is under a thumb stays where it is.
function exchange(box, html) {
  if (box.dataset.html === html) return;
  box.dataset.html = html;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const old = new Map([...box.children].map((child) => [child.id, child]));
  const wanted = [...fresh.content.children].map((child) => {
    const kept = child.id && old.get(child.id);
    return kept && (kept.dataset.drawn || "") === child.outerHTML ? kept : drawn(child);
  });
  const same = wanted.length === box.children.length && wanted.every((child, i) => child === box.children[i]);
  if (!same) box.replaceChildren(...wanted);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function drawn(element) {
  element.dataset.drawn = element.outerHTML;
  for (const mention of element.querySelectorAll(".mention")) {
    if (mention.dataset.user === here.as) mention.classList.add("me");
  }
  return element;
}

function exchangeModal(html) {
  const box = byId("modal");
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const key = fresh.content.firstElementChild?.dataset.key || "";
  // A modal that is being filled in is replaced only by another one.
  if ((box.firstElementChild?.dataset.key || "") === key) return;
  box.replaceChildren(fresh.content);
  showModal();
}

// The browser's own dialog: it holds the focus, and what is behind it cannot be reached.
function showModal() {
  const box = byId("modal");
  if (!box.firstElementChild) {
    if (box.open) box.close();
    return;
  }
  if (!box.open) box.showModal();
  (box.querySelector(".content select, .content input, .content textarea") || box.querySelector("button")).focus();
}

let asked = 0;
async function refresh() {
  const mine = ++asked;
  const answer = await fetch(`/fragment?${query()}`);
  if (!answer.ok || mine !== asked) return;
  const parts = await answer.json();
  exchange(byId("timeline"), parts.timeline);
  exchange(byId("thread"), parts.thread);
  exchangeModal(parts.modal);
  byId("notice").textContent = parts.notice;
  if (!here.thread) document.body.className = parts.thread ? "beside" : "";
  document.body.dataset.version = parts.version;
}

function confirmed(button) {
  const words = button.dataset;
  if (!words.confirmTitle) return Promise.resolve(true);
  return new Promise((resolve) => {
    const box = document.createElement("dialog");
    box.className = "ask";
    box.setAttribute("role", "alertdialog");
    box.setAttribute("aria-label", words.confirmTitle);
    const inner = box.appendChild(document.createElement("div"));
    inner.appendChild(document.createElement("b")).textContent = words.confirmTitle;
    inner.appendChild(document.createElement("span")).textContent = words.confirmText;
    const foot = inner.appendChild(document.createElement("div"));
    foot.className = "foot";
    for (const [text, yes] of [[words.confirmNo, ""], [words.confirmYes, "yes"]]) {
      const choice = foot.appendChild(document.createElement("button"));
      choice.textContent = text;
      if (yes) choice.className = "primary";
      choice.addEventListener("click", () => box.close(yes));
    }
    // Escape closes it without a word, which is a no.
    box.addEventListener("close", () => { box.remove(); resolve(box.returnValue === "yes"); });
    document.body.append(box);
    box.showModal();
  });
}

async function click(button) {
  if (button.ariaBusy || !(await confirmed(button))) return;
  const message = button.closest(".message");
  if (button.dataset.url) window.open(button.dataset.url, "_blank", "noopener");
  // Busy, not disabled: a button that is disabled loses the focus, to which the modal gives it back.
  button.ariaBusy = "true";
  await post("click", {
    channel: message.dataset.channel, ts: message.dataset.ts,
    action_id: button.dataset.action, block_id: button.dataset.block,
  }).finally(() => { button.ariaBusy = null; });
}

async function submit(form) {
  const send = form.querySelector("[type=submit]");
  send.disabled = true;
  const sent = await post("submit", { values: Object.fromEntries(new FormData(form)) });
  send.disabled = false;
  for (const place of form.querySelectorAll(".error")) {
    place.textContent = (sent.errors || {})[place.dataset.for] || "";
    place.parentElement.classList.toggle("wrong", Boolean(place.textContent));
  }
  form.querySelector(".trouble").textContent = sent.notice || sent.error || "";
  form.querySelector(".wrong")?.scrollIntoView({ block: "center" });
  await refresh();
}

function go(changes) {
  Object.assign(here, changes);
  window.location.search = query();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("click")) click(button);
  else if (button.dataset.thread) go({ thread: button.dataset.thread });
  else if (button.id === "leave") go({ thread: "" });
  else if (button.classList.contains("close")) post("close", {}).then(refresh);
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.classList.contains("modal")) submit(form);
  else if (form.elements.text.value.trim()) {
    const thread = form.id === "say-thread" ? (here.thread || byId("thread").firstElementChild?.dataset.ts) : null;
    post("say", { channel: here.channel, text: form.elements.text.value, thread_ts: thread });
    form.reset();
  }
});
byId("modal").addEventListener("cancel", (event) => {
  event.preventDefault();
  post("close", {}).then(refresh);
});
// A second Escape closes it whatever the page says: then Slack hears of it all the same.
byId("modal").addEventListener("close", () => { if (byId("modal").firstElementChild) post("close", {}); });
byId("who").addEventListener("change", (event) => go({ as: event.target.value }));
byId("where").addEventListener("change", (event) => go({ channel: event.target.value, thread: "" }));
for (const id of ["timeline", "thread"]) {
  const box = byId(id);
  for (const child of [...box.children]) drawn(child);
  box.scrollTop = box.scrollHeight;
}
showModal();
const events = new EventSource(`/events`);
events.onmessage = refresh;
