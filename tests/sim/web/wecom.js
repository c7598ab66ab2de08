/*
 * The chat page of the simulated WeCom: groups on the left, one conversation on the right, live by server-sent events.
 *
 * Texts come from outside and are only ever set as text nodes; markup is built element by element from WeCom's
 * own small subset, so nothing a person writes can become HTML.
 */
"use strict";

const byId = (id) => document.getElementById(id);
const SHOWN = 200; // messages of one chat on the page at first; older ones on request

const world = { robots: [], apps: [], members: [], smart_robots: [] };
const names = new Map(); // lower-case userid -> name
const chats = new Map(); // key -> {key, chat, peer, label, messages, unread}
const bySeq = new Map();
let since = 0;
let me = "";
let current = null;
let shown = SHOWN;
let clock = null;
let fetching = null;
let again = false;

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

// ---- WeCom's markdown ---------------------------------------------------------------------------

const COLOURS = new Set(["info", "comment", "warning"]);

function mention(id) {
  const name = id === "@all" ? "所有人" : names.get(id.toLowerCase()) || id;
  return el("span", "mention", "@" + name);
}

// One pattern finds the next piece of markup; what does not fit stays text.
const INLINE = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)|<font color="([a-z]+)">(.*?)<\/font>|<@([A-Za-z0-9_.@-]{1,64})>/;

function inline(parent, text, depth) {
  let m;
  while (depth < 4 && (m = INLINE.exec(text)) !== null) {
    parent.append(text.slice(0, m.index));
    if (m[1] !== undefined) inline(parent.appendChild(el("b")), m[1], depth + 1);
    else if (m[2] !== undefined) parent.append(el("code", "", m[2]));
    else if (m[3] !== undefined) {
      const a = el("a", "", m[3]);
      a.href = m[4];
      a.rel = "noopener noreferrer nofollow";
      a.target = "_blank";
      parent.append(a);
    } else if (m[5] !== undefined) {
      inline(parent.appendChild(el("span", COLOURS.has(m[5]) ? m[5] : "")), m[6], depth + 1);
    } else parent.append(mention(m[7]));
    text = text.slice(m.index + m[0].length);
  }
  parent.append(text);
}

function markdown(bubble, text) {
  for (const line of text.split("\n")) {
    const head = /^#{1,6} (.*)$/.exec(line);
    const quote = /^> ?(.*)$/.exec(line);
    if (line.trim() === "") bubble.append(el("div", "gap"));
    else if (head) inline(bubble.appendChild(el("div", "head")), head[1], 0);
    else if (quote) inline(bubble.appendChild(el("blockquote")), quote[1], 0);
    else inline(bubble.appendChild(el("div")), line, 0);
  }
}

function plain(bubble, m) {
  const body = el("div");
  let text = m.text, at;
  while ((at = /<@([A-Za-z0-9_.@-]{1,64})>/.exec(text)) !== null) {
    body.append(text.slice(0, at.index), mention(at[1]));
    text = text.slice(at.index + at[0].length);
  }
  const robot = m.from && world.smart_robots.find((r) => text.startsWith("@" + r.mention_name));
  if (robot) {
    body.append(el("span", "mention", "@" + robot.mention_name));
    text = text.slice(robot.mention_name.length + 1);
  }
  body.append(text);
  for (const id of m.mentions) body.append(" ", mention(id));
  bubble.append(body);
}

// A line of a list: the same text without its markup.
function preview(m) {
  const text = m.text.replace(/<@([^>]{1,64})>/g, (_, id) => "@" + (names.get(id.toLowerCase()) || id))
    .replace(/<\/?font[^>]*>/g, "").replace(/^[#>]+ ?/gm, "").replace(/\*\*|`/g, "").replace(/\s+/g, " ").trim();
  return (m.from ? m.name.replace("（示例）", "") + "：" : "") + text;
}

// ---- one message --------------------------------------------------------------------------------

const FATE = {
  pending: ["送达中…", false],
  delivered: ["已送达", false],
  lost: ["未送达，系统没有应答", true],
  not_addressed: ["未@守望，机器人收不到", false],
};

function setFate(e, delivery) {
  const [text, bad] = FATE[delivery] || ["", false];
  e.textContent = text;
  e.className = bad ? "state bad" : "state";
}

function faceOf(m) {
  return el("span", m.from ? "face" : "face robot", m.from ? m.name.slice(0, 1) : "守");
}

function messageItem(m) {
  const li = el("li", m.from && m.from === me ? "message mine" : "message");
  const body = el("div", "body");
  const bubble = el("div", "bubble");
  li.dataset.seq = m.seq;
  body.append(el("p", "who", `${m.name}　${local(m.at).time}`));
  if (m.type === "text") plain(bubble, m);
  else markdown(bubble, m.text);
  body.append(bubble);
  if (m.delivery) {
    const state = el("p", "state");
    setFate(state, m.delivery);
    body.append(state);
  }
  li.append(faceOf(m), body);
  return li;
}

function dayItem(ms) {
  const t = local(ms);
  return el("li", "day", `${t.day} ${t.week}`);
}

function appendMessage(list, m, before) {
  if (!before || local(before.at).day !== local(m.at).day) list.append(dayItem(m.at));
  list.append(messageItem(m));
}

// ---- conversations ------------------------------------------------------------------------------

function keyOf(chat, peer) {
  return peer ? `${chat}\n${peer.toLowerCase()}` : chat;
}

function chatOf(m) {
  const key = keyOf(m.chat, m.peer);
  let c = chats.get(key);
  if (!c) {
    c = { key, chat: m.chat, peer: m.peer, label: m.chat, unit: "", messages: [], unread: 0 };
    chats.set(key, c);
  }
  return c;
}

function unitOf(userid) {
  const who = world.members.find((x) => x.userid === userid);
  return who ? who.unit : "";
}

function visible(c) {
  if (!me) return !c.peer || c.messages.length > 0;
  return c.peer ? c.peer.toLowerCase() === me.toLowerCase() : c.unit === unitOf(me);
}

function labelOf(c) {
  if (!c.peer) return c.label;
  return me ? "守望应用（私聊）" : `守望应用 → ${names.get(c.peer.toLowerCase()) || c.peer}`;
}

function chatButton(c) {
  const b = el("button", "chat");
  const last = c.messages[c.messages.length - 1];
  b.type = "button";
  b.dataset.key = c.key;
  b.append(el("span", c.peer ? "face robot" : "face", c.peer ? "守" : c.label.slice(0, 1)),
    el("span", "label", labelOf(c)), el("span", "at", last ? local(last.at).short : ""),
    el("span", "last", last ? preview(last) : "暂无消息"));
  if (c.unread > 0) b.append(el("span", "unread", c.unread > 99 ? "99+" : String(c.unread)));
  if (current === c) b.setAttribute("aria-current", "true");
  b.addEventListener("click", () => openChat(c));
  return b;
}

let listDue = false;

// Once per frame, however many messages a stepped clock brings at a time.
function showList() {
  if (listDue) return;
  listDue = true;
  requestAnimationFrame(() => {
    const nav = byId("chats");
    const all = [...chats.values()].filter(visible);
    const focused = document.activeElement && document.activeElement.dataset.key;
    listDue = false;
    nav.replaceChildren();
    for (const [title, list] of [["工作群", all.filter((c) => !c.peer)], ["私聊", all.filter((c) => c.peer)]]) {
      if (list.length === 0) continue;
      nav.append(el("h3", "", title));
      for (const c of list) nav.append(chatButton(c));
    }
    if (focused) {
      const again = [...nav.querySelectorAll(".chat")].find((b) => b.dataset.key === focused);
      if (again) again.focus();
    }
  });
}

function showRoom() {
  const list = byId("messages");
  const all = current.messages;
  const from = Math.max(0, all.length - shown);
  list.replaceChildren();
  if (from > 0) {
    const more = el("button", "older", `更早的 ${from} 条`);
    more.type = "button";
    more.addEventListener("click", () => { shown += SHOWN; showRoom(); list.scrollTop = 0; });
    list.append(el("li"));
    list.firstChild.append(more);
  }
  for (let i = from; i < all.length; i++) appendMessage(list, all[i], i > from ? all[i - 1] : null);
  list.scrollTop = list.scrollHeight;
}

function showPeople() {
  const people = current.peer ? [] : world.members.filter((x) => x.unit === current.unit).map((x) => x.name);
  byId("name").textContent = labelOf(current);
  byId("people").textContent = current.peer ? "只有本人可见" : [...people, "守望（机器人）"].join("、");
}

function openChat(c) {
  current = c;
  c.unread = 0;
  shown = SHOWN;
  byId("room").hidden = false;
  byId("none").hidden = true;
  byId("back").hidden = false;
  document.body.classList.add("open");
  showPeople();
  showRoom();
  showForm();
  showList();
}

function closeChat() {
  current = null;
  byId("room").hidden = true;
  byId("none").hidden = false;
  byId("back").hidden = true;
  document.body.classList.remove("open");
  showList();
}

// ---- typing -------------------------------------------------------------------------------------

const QUICK = ["收到", "查进度", "已报2人6户", "还差照片", "名额是多少？", "帮助"];

function prefix() {
  const r = world.smart_robots[0];
  return current && !current.peer && r ? `@${r.mention_name} ` : "";
}

function showForm() {
  byId("say").hidden = !me;
  byId("text").value = prefix();
  byId("hint").textContent = prefix() ? `以 ${prefix().trim()} 开头，机器人才收得到；去掉就是同事之间说话。` : "私聊不必@，直接写。";
}

async function say(text) {
  const c = current;
  byId("send").disabled = true;
  try {
    const res = await fetch("/control/say", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ chat: c.chat, user: me, text }),
    });
    const answer = await res.json();
    if (!res.ok) byId("hint").textContent = "没有发出：" + (answer.error || res.status);
    else if (answer.addressed && !answer.delivered) byId("hint").textContent = "系统没有应答，请稍后再发一次。";
  } catch (e) {
    byId("hint").textContent = "没有发出：模拟器没有应答。";
  }
  byId("send").disabled = false;
}

function submit() {
  const text = byId("text").value.trim();
  if (!current || !me || text === "" || text === prefix().trim() || byId("send").disabled) return;
  showForm();
  say(text);
}

function buildForm() {
  for (const text of QUICK) {
    const b = el("button", "", text);
    b.type = "button";
    b.addEventListener("click", () => { byId("text").value = prefix() + text; byId("text").focus(); });
    byId("quick").append(b);
  }
  byId("say").addEventListener("submit", (e) => { e.preventDefault(); submit(); });
  byId("text").addEventListener("keydown", (e) => {
    // The Enter that ends a word in an input method is not meant for us.
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing && e.keyCode !== 229) { e.preventDefault(); submit(); }
  });
  byId("back").addEventListener("click", closeChat);
}

// ---- who am I -----------------------------------------------------------------------------------

function buildMembers() {
  const select = byId("me");
  const titles = new Map(world.robots.map((r) => [r.unit, r.title]));
  const groups = new Map();
  select.append(new Option("旁观者（看全部，不发言）", ""));
  for (const m of world.members) {
    if (!groups.has(m.unit)) {
      const g = el("optgroup");
      g.label = titles.get(m.unit) || m.unit || "其他";
      groups.set(m.unit, g);
      select.append(g);
    }
    groups.get(m.unit).append(new Option(m.name, m.userid));
  }
  select.value = location.hash ? decodeURIComponent(location.hash.slice(1)) : "";
  if (select.selectedIndex < 0) select.value = "";
  me = select.value;
  select.addEventListener("change", () => {
    me = select.value;
    history.replaceState(null, "", me ? "#" + encodeURIComponent(me) : location.pathname);
    ensurePrivate();
    const mine = [...chats.values()].filter(visible);
    if (current && !visible(current)) closeChat();
    if (me && !current && mine.length > 0 && innerWidth > 760) openChat(mine[0]);
    else if (current) openChat(current);
    showList();
  });
}

// A member sees his conversation with each application even before the first word.
function ensurePrivate() {
  if (me) for (const a of world.apps) chatOf({ chat: a.chat, peer: me });
}

// ---- live ---------------------------------------------------------------------------------------

function addMessage(m) {
  if (m.seq <= since) return;
  since = m.seq;
  const c = chatOf(m);
  const before = c.messages[c.messages.length - 1];
  c.messages.push(m);
  bySeq.set(m.seq, m);
  if (c === current) {
    const list = byId("messages");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 120;
    appendMessage(list, m, before);
    if (atEnd || m.from === me) list.scrollTop = list.scrollHeight;
  } else c.unread++;
  showList();
}

function setDelivery(d) {
  const m = bySeq.get(d.seq);
  const state = byId("messages").querySelector(`[data-seq="${Number(d.seq)}"] .state`);
  if (m) m.delivery = d.delivery;
  if (state && current && current.messages.includes(m)) setFate(state, d.delivery);
}

// Everything since the last one seen; asked again when an event shows a gap, and after each reconnect.
async function catchUp() {
  if (fetching) { again = true; return fetching; }
  fetching = (async () => {
    do {
      again = false;
      const res = await fetch(`/control/messages?since=${since}&limit=1000`);
      const list = await res.json();
      list.forEach(addMessage);
      if (list.length === 1000) again = true;
    } while (again);
  })().catch(() => {}).finally(() => { fetching = null; });
  return fetching;
}

function listen() {
  const events = new EventSource("/control/events");
  events.addEventListener("open", () => { byId("offline").hidden = true; catchUp(); });
  events.addEventListener("error", () => {
    byId("offline").hidden = false;
    // A refused connection is not tried again by the browser.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  events.addEventListener("clock", (e) => setClock(JSON.parse(e.data)));
  events.addEventListener("delivery", (e) => setDelivery(JSON.parse(e.data)));
  events.addEventListener("message", (e) => {
    const m = JSON.parse(e.data);
    if (fetching || m.seq > since + 1) catchUp();
    else addMessage(m);
  });
}

async function begin() {
  let state;
  try {
    state = await (await fetch("/control/state")).json();
  } catch (e) {
    byId("offline").hidden = false;
    setTimeout(begin, 2000);
    return;
  }
  Object.assign(world, state);
  setClock(state);
  for (const m of world.members) names.set(m.userid.toLowerCase(), m.name);
  for (const r of world.robots) {
    const c = chatOf({ chat: r.name, peer: "" });
    c.label = r.title;
    c.unit = r.unit;
  }
  buildMembers();
  buildForm();
  ensurePrivate();
  await catchUp();
  for (const c of chats.values()) c.unread = 0;
  showList();
  const mine = [...chats.values()].filter(visible);
  if (me && mine.length > 0 && innerWidth > 760) openChat(mine[0]);
  listen();
  setInterval(showClock, 1000);
}

begin();
