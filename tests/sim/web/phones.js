/*
 * The page of phones: all that got or wrote a message on the left, one phone's messages on the right, live by
 * server-sent events.
 *
 * An event only says that something changed; what is shown is asked anew, at most one request of each kind at a time, so
 * a broadcast to a million costs a page no more than a single message. Texts are only ever set as text nodes.
 */
"use strict";

const byId = (id) => document.getElementById(id);
const LISTED = 100; // phones in the list; older ones are found by searching
const SHOWN = 200; // messages of one phone

let clock = null;
let current = ""; // number
let shownSeq = 0; // newest message in the conversation

function el(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// ---- time: always that of Inner Mongolia --------------------------------------------------------

const WEEK = ["日", "一", "二", "三", "四", "五", "六"];

function local(ms) {
  const d = new Date(ms + 8 * 3600 * 1000);
  const two = (n) => String(n).padStart(2, "0");
  return {
    day: `${d.getUTCFullYear()}年${d.getUTCMonth() + 1}月${d.getUTCDate()}日`,
    short: `${d.getUTCMonth() + 1}月${d.getUTCDate()}日`,
    week: "星期" + WEEK[d.getUTCDay()],
    time: `${d.getUTCHours()}:${two(d.getUTCMinutes())}`,
  };
}

function nowMs() {
  return clock ? clock.now + (Date.now() - clock.seen) * clock.speed : Date.now();
}

function showClock() {
  if (!clock) return;
  const t = local(nowMs());
  byId("date").textContent = `${t.day} ${t.week}`;
  byId("time").textContent = t.time;
  byId("kind").textContent = clock.simulated ? "模拟时间" : "";
}

function setClock(c) {
  clock = { now: c.now, speed: c.speed, simulated: c.simulated, seen: Date.now() };
  showClock();
}

// Today only the time, else only the day.
function when(ms) {
  const t = local(ms);
  return t.day === local(nowMs()).day ? t.time : t.short;
}

// ---- asking: one request of a kind at a time, and once more if something changed meanwhile ------

function asker(ask) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    do {
      again = false;
      try { await ask(); } catch (e) { /* the event stream says that the simulator is away */ }
    } while (again);
    running = false;
  };
}

async function get(path) {
  const res = await fetch(path);
  if (!res.ok) throw new Error(String(res.status));
  return res.json();
}

// ---- the list -----------------------------------------------------------------------------------

const spaced = (number) => `${number.slice(0, 3)} ${number.slice(3, 7)} ${number.slice(7)}`;

function preview(m) {
  const e = el("span", "last");
  if (!m) e.textContent = "暂无短信";
  else {
    if (m.state === "failed") e.append(el("span", "bad", "未送达　"));
    e.append((m.mine ? "回复：" : "") + m.text.replace(/\s+/g, " "));
  }
  return e;
}

function entry(p) {
  const b = el("button", "entry");
  const last = p.messages[p.messages.length - 1];
  const label = el("span", "label", p.name || spaced(p.number));
  b.type = "button";
  b.dataset.number = p.number;
  if (p.name) label.append(el("small", "", spaced(p.number)));
  b.append(el("span", p.name ? "face named" : "face", p.name ? p.name.slice(0, 1) : p.number.slice(-2)), label,
    el("span", "at", last ? when(last.at) : ""), preview(last));
  if (p.number === current) b.setAttribute("aria-current", "true");
  b.addEventListener("click", () => open(p.number));
  return b;
}

function showList(phones) {
  const list = byId("phones");
  const focused = document.activeElement && document.activeElement.dataset.number;
  list.replaceChildren(...phones.map(entry));
  if (phones.length === 0)
    list.append(el("p", "empty", byId("q").value.trim() ? "没有符合条件的手机。" : "还没有短信。"));
  else if (phones.length === LISTED)
    list.append(el("p", "empty", `只列出最近的 ${LISTED} 部手机，其余请按号码查找。`));
  const again = focused && [...list.querySelectorAll(".entry")].find((b) => b.dataset.number === focused);
  if (again) again.focus();
}

const refreshList = asker(async () => {
  const typed = byId("q").value.trim();
  // Numbers are also written with blanks, as they are shown.
  const q = /^[\d ]+$/.test(typed) ? typed.replace(/ /g, "") : typed;
  const [phones, state] = await Promise.all([
    get(`/control/phones?limit=${LISTED}&messages=1&q=${encodeURIComponent(q)}`), get("/control/state")]);
  showList(phones);
  byId("totals").textContent = `已受理 ${state.accepted.toLocaleString("zh-CN")} 条，` +
    `${state.numbers.toLocaleString("zh-CN")} 个号码`;
});

// ---- one phone ----------------------------------------------------------------------------------

const REASON = {
  UNDELIV: "关机或不在服务区", MOBILE_IN_BLACK: "号码在黑名单", MOBILE_NOT_ON_SERVICE: "停机或空号",
};

function fate(m) {
  if (m.mine)
    return { waiting: ["发送中…", ""], received: ["已送达系统", "delivered"], failed: ["未送达系统", "failed"] }[m.state];
  return {
    waiting: ["待状态报告", ""], delivered: ["已送达", "delivered"],
    failed: [`未送达：${REASON[m.code] || m.code}`, "failed"],
  }[m.state];
}

function bubble(m) {
  const b = el("div", "bubble");
  const sign = !m.mine && /^【[^】]*】/.exec(m.text);
  if (sign) b.append(el("span", "sign", sign[0]), m.text.slice(sign[0].length));
  else b.append(m.text);
  return b;
}

function messageItem(m) {
  const li = el("li", m.mine ? "message mine" : "message");
  const note = el("p", "note", `${local(m.at).time}　`);
  const [text, className] = fate(m) || ["", ""];
  note.append(el("span", `state ${className}`.trim(), text));
  li.append(bubble(m), note);
  return li;
}

function showMessages(list) {
  const ol = byId("messages");
  const atEnd = ol.scrollHeight - ol.scrollTop - ol.clientHeight < 120;
  const newest = list.length ? list[list.length - 1].seq : 0;
  let day = "";
  ol.replaceChildren();
  for (const m of list) {
    const t = local(m.at);
    if (t.day !== day) ol.append(el("li", "day", `${t.day} ${t.week}`));
    day = t.day;
    ol.append(messageItem(m));
  }
  if (atEnd || shownSeq === 0 || (newest > shownSeq && list[list.length - 1].mine)) ol.scrollTop = ol.scrollHeight;
  shownSeq = newest;
}

const refreshPhone = asker(async () => {
  const number = current;
  if (!number) return;
  const [p] = await get(`/control/phones?number=${number}&messages=${SHOWN}`);
  if (!p || number !== current) return;
  byId("who").textContent = p.name || spaced(p.number);
  byId("number").textContent = p.name ? spaced(p.number) : "";
  byId("state").value = p.state;
  showMessages(p.messages);
});

function open(number) {
  current = number;
  shownSeq = 0;
  byId("messages").replaceChildren();
  byId("who").textContent = spaced(number);
  byId("number").textContent = "";
  byId("hint").textContent = "";
  byId("phone").hidden = false;
  byId("none").hidden = true;
  document.body.classList.add("open");
  history.replaceState(null, "", "#" + number);
  for (const b of document.querySelectorAll(".entry")) {
    if (b.dataset.number === number) b.setAttribute("aria-current", "true");
    else b.removeAttribute("aria-current");
  }
  refreshPhone();
}

function close() {
  current = "";
  byId("phone").hidden = true;
  byId("none").hidden = false;
  document.body.classList.remove("open");
  history.replaceState(null, "", location.pathname);
  refreshList();
}

// ---- answering ----------------------------------------------------------------------------------

const QUICK = ["1", "2", "收到", "已报送", "R"];

async function order(path, body) {
  const res = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await res.json();
  if (!res.ok) throw new Error(answer.error || String(res.status));
  return answer;
}

async function send(number, text) {
  byId("send").disabled = true;
  byId("hint").textContent = "";
  try {
    const answer = await order("/control/answer", { number, text });
    if (!answer.delivered) byId("hint").textContent = "系统没有应答，网关将在1分钟、5分钟、10分钟后重新推送。";
  } catch (e) {
    byId("hint").textContent = "没有发出：" + e.message;
  }
  byId("send").disabled = false;
}

function submit() {
  const text = byId("text").value.trim();
  if (!current || text === "" || byId("send").disabled) return;
  byId("text").value = "";
  send(current, text);
}

function buildForm() {
  for (const text of QUICK) {
    const b = el("button", "", text);
    b.type = "button";
    b.addEventListener("click", () => { byId("text").value = text; byId("text").focus(); });
    byId("quick").append(b);
  }
  byId("answer").addEventListener("submit", (e) => { e.preventDefault(); submit(); });
  byId("text").addEventListener("keydown", (e) => {
    // The Enter that ends a word in an input method is not meant for us.
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing && e.keyCode !== 229) { e.preventDefault(); submit(); }
  });
  byId("state").addEventListener("change", async () => {
    try {
      await order("/control/phone", { number: current, state: byId("state").value });
    } catch (e) {
      byId("hint").textContent = "没有改动：" + e.message;
      refreshPhone();
    }
  });
  byId("q").addEventListener("input", refreshList);
  byId("back").addEventListener("click", close);
}

// ---- live ---------------------------------------------------------------------------------------

function refresh() {
  refreshList();
  refreshPhone();
}

function listen() {
  const events = new EventSource("/control/events");
  events.addEventListener("open", () => { byId("offline").hidden = true; refresh(); });
  events.addEventListener("error", () => {
    byId("offline").hidden = false;
    // A refused connection is not tried again by the browser.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  events.addEventListener("clock", (e) => setClock(JSON.parse(e.data)));
  events.addEventListener("change", refresh);
}

buildForm();
if (/^#1\d{10}$/.test(location.hash)) open(location.hash.slice(1));
listen();
setInterval(showClock, 1000);
