/*
 * The dashboard: one whole state, then changes by server-sent events; after each break the whole state again.
 *
 * Read-only. All that comes from the service is set as text, never as markup; each state has its word beside its colour.
 */
"use strict";

const byId = (id) => document.getElementById(id);
const SILENCE_MS = 40000; // the service speaks every 15 s; longer silence is a broken connection
const RETRY_MS = [1000, 2000, 5000, 10000];
const TOUCH_MS = 60000; // what the person does keeps the session, at most once a minute

const board = { campaign: null, ops: null, today: null, attention: null, service: null, operator: null,
  units: new Map(), broadcasts: new Map() };
const late = new Map(); // topic -> event, newer perhaps than the whole state that is on its way
let source = null;
let tries = 0;
let heard = Date.now(); // when the service last said something
const base = { ms: 0, at: 0 }; // its time, and when that was
let touched = Date.now();
let pending = false;
const changed = new Set(); // codes of units since the last drawing

function el(tag, className, ...content) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...content.filter((c) => c !== null && c !== undefined && c !== "").map((c) => c instanceof Node ? c : String(c)));
  return e;
}

function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((c) => c));
}

// ---- time: always Beijing time, in the forms of official documents --------------------------------

const WEEK = "日一二三四五六";
const at8 = (ms) => new Date(ms + 8 * 3600 * 1000);
const clockOf = (ms) => `${at8(ms).getUTCHours()}:${String(at8(ms).getUTCMinutes()).padStart(2, "0")}`;
const dayOf = (ms) => `${at8(ms).getUTCMonth() + 1}月${at8(ms).getUTCDate()}日`;
const weekdayOf = (ms) => `星期${WEEK[at8(ms).getUTCDay()]}`;
const longDayOf = (ms) => `${dayOf(ms)}（${weekdayOf(ms)}）`;
const sameDay = (a, b) => Math.floor((a + 28800000) / 86400000) === Math.floor((b + 28800000) / 86400000);

function now() {
  const c = board.campaign;
  return base.at ? base.ms + (Date.now() - base.at) * (c && c.simulated ? c.speed : 1) : Date.now();
}

function setTime(ms) {
  base.ms = ms;
  base.at = Date.now();
}

function moment(ms, none = "—") {
  if (!ms) return el("span", "none", none);
  const t = el("time", "", sameDay(ms, now()) ? `今天${clockOf(ms)}` : `${dayOf(ms)}${clockOf(ms)}`);
  t.dateTime = new Date(ms).toISOString();
  return t;
}

// ---- words ------------------------------------------------------------------------------------------

const CHANNELS = { robot: "群消息", app: "应用消息", sms: "短信" };
const FATES = { planned: ["plain", "待发"], waiting: ["busy", "发送中"], sent: ["good", "已发"],
  unknown: ["warn", "结果未知"], failed: ["bad", "失败"], skipped: ["plain", "未发"] };
const REASONS = { condition_false: "无需提醒", paused: "刚有回复，暂停", snoozed: "本单位已延后", rest_day: "休息日",
  quiet_hours: "静默时段", no_recipient: "没有联系人", capped: "当日已提醒", missed: "已过时", no_channel: "短信未开通",
  answered: "已有回复", cancelled: "已取消", expired: "已过期", suppressed: "不在发送范围" };
const ACTS = { discipline: "纪检确认函情况", contact: "更换联系人", objection: "公示异议", problem: "反映问题",
  extension: "申请延期", notice: "公示情况", plan: "报送计划", materials: "材料情况", status: "进展说明",
  forecast: "预计报送数", report: "代报数字", submitted: "寄送情况", opt_out: "要求不再接收", undo: "要求撤销" };
const BROADCAST_STATES = { planned: ["plain", "待批准"], approved: ["busy", "已批准"], running: ["busy", "进行中"],
  paused: ["warn", "已暂停"], done: ["good", "已完成"], cancelled: ["plain", "已取消"] };
const PARTS = [["delivered", "已送达", ["delivered"]], ["accepted", "已提交", ["accepted", "in_flight"]],
  ["failed", "未送达", ["invalid", "refused", "exhausted", "undelivered", "expired"]], ["unknown", "结果未知", ["unknown"]],
  ["optout", "已退订", ["opted_out"]], ["capped", "频次上限", ["capped"]], ["cancelled", "已取消", ["cancelled"]],
  ["waiting", "待发送", ["waiting", "retry"]]];
const ROLES = { viewer: "查看", editor: "编辑", releaser: "批准", auditor: "审计" };

const chip = (kind, text) => el("span", `chip ${kind}`, text);
const count = (n) => n.toLocaleString("zh-CN");

function unitName(code) {
  const u = board.units.get(code);
  return u ? u.name : code ? `单位${code}` : "未识别单位";
}

// ---- units -------------------------------------------------------------------------------------------

function unitsInOrder() {
  const codes = board.campaign ? board.campaign.units : [];
  return codes.map((c) => board.units.get(c)).filter((u) => u);
}

const obligation = (u, kind, category = "") => u.obligations.find((o) => o.kind === kind && o.category === category);

function quotaState(o) {
  if (o.state === "closed") return ["good", "已核实"];
  if (o.state === "infeasible") return ["bad", "名额无法达到"];
  if (o.over > 0) return ["warn", `超${o.over}${o.unit_word}`];
  if (o.state === "claimed") return ["claim", "已报待核"];
  if (o.overdue) return ["bad", o.known ? `逾期，缺${o.need}${o.unit_word}` : "逾期未报"];
  return o.known ? ["warn", `缺${o.need}${o.unit_word}`] : ["plain", "未报"];
}

function quotaRange(o) {
  const max = o.cap >= 0 ? o.cap : o.max;
  if (o.min < 0 && max < 0) return "";
  if (o.min < 0) return `至多${max}`;
  if (max < 0) return `至少${o.min}`;
  return o.min === max ? `${max}` : `${o.min}至${max}`;
}

function quotaCell(o) {
  if (!o) return [el("span", "none", "—")];
  return [el("span", "number", el("b", "", o.known ? o.have : "—"), el("small", "", ` / ${quotaRange(o)}${o.unit_word}`)),
    chip(...quotaState(o))];
}

function materialsCell(u, o) {
  if (!o) return [el("span", "none", "—")];
  if (o.state === "closed") return [chip("good", "已收讫")];
  if (o.state === "claimed") {
    const how = u.paper && u.electronic ? "纸质、电子" : u.paper ? "纸质" : u.electronic ? "电子" : "";
    return [chip("claim", "已寄出待核"), how && el("small", "", how)].filter((x) => x);
  }
  return [o.overdue ? chip("bad", "逾期未寄出") : chip("plain", "未寄出")];
}

function remarks(u) {
  const list = [];
  if (u.silent >= 3) list.push(chip("warn", `${u.silent}次提醒未回复`));
  if (u.snoozed_until) list.push(chip("plain", `延后至${dayOf(u.snoozed_until)}`));
  if (u.contacts === 0) list.push(chip("bad", "没有联系人"));
  else if (u.unreachable > 0) list.push(chip("warn", `${u.unreachable}名联系人无法联系`));
  if (!u.robot) list.push(chip("warn", "未配置群机器人"));
  else if (!u.group) list.push(chip("plain", "群未绑定"));
  return list.length ? list : [el("span", "none", "—")];
}

function columns() {
  const quotas = (board.campaign ? board.campaign.categories : []).map((k) => ({ id: k.id, title: k.short_name,
    cell: (u) => quotaCell(obligation(u, "quota", k.id)) }));
  return [
    { id: "ack", title: "收到通知", cell: (u) => [u.ack_at ? chip("good", "已收到") : chip("plain", "未回复")] },
    ...quotas,
    { id: "materials", title: "材料", cell: (u) => materialsCell(u, obligation(u, "materials")) },
    { id: "word", title: "最近回复", cell: (u) => [moment(Math.max(u.ack_at || 0, u.report_at || 0, u.submitted_at || 0), "没有回复")] },
    { id: "last", title: "最近提醒", cell: (u) => [moment(u.last_reminder_at)] },
    { id: "next", title: "下次提醒", cell: (u) => [moment(u.next_reminder_at)] },
    { id: "remarks", title: "情况", cell: remarks },
  ];
}

function th(title, scope) {
  const h = el("th", "", title);
  h.scope = scope;
  h.setAttribute("role", scope === "col" ? "columnheader" : "rowheader");
  return h;
}

function unitRow(u, cols) {
  const row = el("tr");
  row.dataset.code = u.code;
  row.setAttribute("role", "row");
  row.append(th(u.name, "row"), ...cols.map((c) => {
    const cell = el("td", `c-${c.id}`, el("span", "label", c.title), el("span", "value", ...c.cell(u)));
    cell.setAttribute("role", "cell");
    return cell;
  }));
  return row;
}

function showUnits() {
  const cols = columns(), units = unitsInOrder();
  fill(byId("unit-head"), th("单位", "col"), ...cols.map((c) => th(c.title, "col")));
  fill(byId("unit-rows"), ...units.map((u) => {
    const row = unitRow(u, cols);
    if (changed.has(u.code)) row.classList.add("changed");
    return row;
  }));
  changed.clear();
  byId("unit-table").hidden = units.length === 0;
  byId("units-empty").hidden = units.length > 0;
  byId("units-note").textContent = units.length ? `${units.length}个，按行政区划顺序` : "";
}

function figure(title, n, of, note) {
  const done = of > 0 && n === of;
  return el("li", done ? "done" : "", el("span", "what", title),
    el("span", "n", el("b", "", n), el("small", "", ` / ${of}个单位`)), note ? el("small", "", note) : null);
}

function showFigures() {
  const units = unitsInOrder(), of = units.length;
  const good = (o) => o && (o.state === "claimed" || o.state === "closed");
  const list = [figure("已收到通知", units.filter((u) => u.ack_at).length, of)];
  for (const k of board.campaign ? board.campaign.categories : []) {
    const all = units.map((u) => obligation(u, "quota", k.id)).filter((o) => o);
    const sum = all.reduce((n, o) => n + (o.known ? o.have : 0), 0);
    list.push(figure(`${k.short_name}名额达标`, all.filter(good).length, of, `共报${sum}${k.unit_word}`));
  }
  list.push(figure("材料已寄出", units.filter((u) => good(obligation(u, "materials"))).length, of));
  fill(byId("figures"), ...(of ? list : []));
}

// ---- campaign ------------------------------------------------------------------------------------------

function leftText(d) {
  if (d.over) return ["bad", "已截止"];
  if (d.days_left === 0) return ["bad", "今天截止"];
  const text = `还有${d.days_left}天，${d.workdays_left}个工作日`;
  return [d.workdays_left <= 5 ? "warn" : "plain", text];
}

function showCampaign() {
  const c = board.campaign;
  if (!c) return;
  byId("title").textContent = c.title;
  byId("doc").textContent = c.doc_no;
  document.title = `${c.title} · 守望`;
  const dayText = (s) => { const [, m, d] = s.split("-"); return `${Number(m)}月${Number(d)}日`; };
  fill(byId("phases"), ...c.phases.map((p) => {
    const item = el("li", p.today ? "current" : "", el("b", "", p.name),
      el("small", "", `${dayText(p.start)}至${dayText(p.end)}${p.approximate ? "前后" : ""}`));
    if (p.today) item.setAttribute("aria-current", "step");
    return item;
  }));
  fill(byId("deadlines"), ...c.deadlines.map((d) => el("li", "", el("span", "what", d.what),
    el("b", "", `${longDayOf(d.due)}${clockOf(d.due)}`), chip(...leftText(d)),
    d.workday !== d.due && !d.over ? el("small", "", `按最后工作日${longDayOf(d.workday)}安排`) : null)));
  byId("simulated").hidden = !c.simulated;
}

// ---- lists ------------------------------------------------------------------------------------------------

function todayItem(r) {
  const [kind, text] = FATES[r.state] || ["plain", r.state];
  const note = [CHANNELS[r.channel], `${r.n}${r.channel === "robot" || !r.channel ? "个单位" : "人"}`,
    r.state === "skipped" ? REASONS[r.why] || r.why : ""].filter((x) => x).join("，");
  return el("li", "", el("span", "at", clockOf(r.at)),
    el("span", "what", r.title, el("small", "", note, r.rule ? `　规则${r.rule}` : "")), chip(kind, text));
}

function showToday() {
  const t = board.today, items = t ? t.items : [];
  fill(byId("today"), ...(items.length ? items.map(todayItem)
    : [el("li", "empty", t ? "今天没有提醒。" : "尚无数据。")]));
  byId("today-note").textContent = items.length ? `${items.length}${t.cut ? "项以上" : "项"}` : "";
}

function attentionItem(a) {
  const kinds = { failed: ["bad", "发送失败", `${a.n}条消息未能送出`], unknown: ["warn", "结果未知", `${a.n}条消息是否送出不明`],
    queue: ["claim", "待处理", ACTS[a.what] || "回复需人工判断"], infeasible: ["bad", "名额", `${a.what}名额低于下限，需商定`]
  };
  const [kind, label, text] = kinds[a.kind] || ["plain", a.kind, ""];
  return el("li", "", el("span", "what", el("b", "", unitName(a.unit)), " ", text,
    a.at ? el("small", "", " ", moment(a.at)) : null), chip(kind, label));
}

// Units that do not answer are one matter: somebody takes the telephone and goes through them.
function silentItem(units) {
  return el("li", "", el("span", "what", el("b", "", `${units.length}个单位多次提醒未回复`), "，请电话联系：",
    units.map((a) => `${unitName(a.unit)}（${a.n}次）`).join("、")), chip("warn", "未回复"));
}

function showAttention() {
  const a = board.attention, items = a ? a.items : [];
  const silent = items.filter((i) => i.kind === "silent"), others = items.filter((i) => i.kind !== "silent");
  fill(byId("attention"), ...others.map(attentionItem), silent.length ? silentItem(silent) : null,
    items.length ? null : el("li", "empty", a ? "目前没有需要人工处理的事项。" : "尚无数据。"));
  const n = others.length + (silent.length ? 1 : 0);
  byId("attention-note").textContent = n ? `${n}${a.cut ? "项以上" : "项"}` : "";
}

function showMessages() {
  const o = board.ops, rows = [];
  const add = (title, value, kind) => rows.push(el("div", "", el("dt", "", title), el("dd", kind || "", value)));
  if (o) {
    const m = o.messages;
    const failed = m.dead + m.undelivered, unknown = m.unknown + m.parked;
    add("已发出", count(m.accepted + m.delivered + m.no_receipt));
    add("等待发送", count(m.queued + m.handed_over + m.trying));
    add("结果未知", count(unknown), unknown ? "warn" : "");
    add("失败", count(failed), failed ? "bad" : "");
    add("过期或取消", count(m.expired + m.cancelled));
    add("人工队列", count(o.queue), o.queue ? "claim" : "");
    add("联系人", `${count(o.contacts)}名${o.unreachable ? `，${o.unreachable}名无法联系` : ""}`, o.unreachable ? "warn" : "");
    for (const r of o.parked_routes) add("限速等待", `${r.route.replace(/^robot\//, "群 ").replace(/^app\//, "应用 ")}，至${clockOf(r.until)}`, "warn");
    for (const g of o.gateways) add(`短信通道 ${g.name}`, g.paused ? `已暂停：${g.paused}` : "可用", g.paused ? "bad" : "");
  }
  fill(byId("messages"), ...rows);
  byId("messages-note").textContent = o ? (o.live ? "正式运行" : "试运行") : "";
}

const sumOf = (b, keys) => keys.reduce((n, k) => n + (b.sums[k] || 0), 0);

function progress(title, count_, sums) {
  const parts = PARTS.map(([id, name, keys]) => ({ id, name, n: sumOf({ sums }, keys) })).filter((p) => p.n > 0);
  const settled = parts.filter((p) => p.id !== "waiting").reduce((n, p) => n + p.n, 0);
  const percent = count_ ? Math.floor(settled * 100 / count_) : 0;
  const bar = el("div", "bar", ...parts.map((p) => {
    const s = el("span", `p-${p.id}`);
    s.style.flexGrow = p.n;
    return s;
  }));
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-valuenow", percent);
  bar.setAttribute("aria-valuemin", 0);
  bar.setAttribute("aria-valuemax", 100);
  bar.setAttribute("aria-label", `${title}：已处理${percent}%`);
  return { percent, bar, legend: el("p", "legend", ...parts.map((p) => el("span", `l-${p.id}`, `${p.name} ${count(p.n)}`))) };
}

function broadcastItem(b) {
  const p = progress(b.title, b.count, b.sums_known ? b.sums : {});
  const notes = [b.id, `共${count(b.count)}人`, b.from && b.until ? `${dayOf(b.from)}${clockOf(b.from)}至${dayOf(b.until)}${clockOf(b.until)}` : "",
    b.planned_by && `拟定 ${b.planned_by}`, b.approved_by && `批准 ${b.approved_by}`];
  return el("li", "", el("div", "line", el("b", "", b.title), chip(...(BROADCAST_STATES[b.state] || ["plain", b.state])),
    el("span", "percent", `${p.percent}%`)), p.bar, b.sums_known ? p.legend : null,
    el("small", "", notes.filter((x) => x).join("　")));
}

function totalItem(all) {
  const sums = {};
  for (const b of all) if (b.sums_known) for (const [k, n] of Object.entries(b.sums)) sums[k] = (sums[k] || 0) + n;
  const people = all.reduce((n, b) => n + b.count, 0), p = progress("合计", people, sums);
  return el("li", "total", el("div", "line", el("b", "", `合计：${all.length}项，${count(people)}人次`), el("span", "percent", `${p.percent}%`)),
    p.bar, p.legend);
}

function showBroadcasts() {
  const all = [...board.broadcasts.values()].sort((a, b) => a.from - b.from || a.id.localeCompare(b.id, "en", { numeric: true }));
  const over = (b) => b.state === "done" || b.state === "cancelled";
  const open = all.filter((b) => !over(b)), closed = all.filter(over);
  byId("broadcasts-part").hidden = all.length === 0;
  fill(byId("broadcasts"), all.length > 1 ? totalItem(all) : null, ...open.map(broadcastItem));
  fill(byId("broadcasts-closed"), ...closed.map(broadcastItem));
  byId("closed-part").hidden = closed.length === 0;
  byId("closed-title").textContent = `已结束 ${closed.length}项`;
  byId("broadcasts-note").textContent = open.length ? `${open.length}项未结束` : "";
}

// ---- the service ---------------------------------------------------------------------------------------------

function showAlerts() {
  const s = board.service, o = board.ops, list = [];
  const add = (kind, text) => list.push(el("p", kind, text));
  if (document.body.dataset.link === "down")
    add("bad", `连接中断，以下为${base.at ? `${dayOf(base.ms)}${clockOf(base.ms)}的` : "此前的"}数据，正在重新连接。`);
  if (s && !s.broker) add("bad", "消息总线不可用，数据暂停更新。");
  else if (s && !s.notifier) add("bad", "提醒服务未运行，数据暂停更新，消息暂停发送。");
  if (o && !o.store) add("bad", "数据库不可用，消息暂停发送。");
  if (o && o.hold) add("bad", "发送已被保护性挂起，请管理员核对后恢复。");
  if (o && o.stopped) add("bad", "全部发送已紧急停止，须由批准人员恢复。");
  else if (o && o.paused) add("warn", "发送已由经办人员暂停。");
  if (o && !o.bot.online && o.bot.since) add("warn", "收发服务离线，消息暂停发送。");
  if (o && !o.live) add("note", "试运行：只向试用范围内的单位发送。");
  fill(byId("alerts"), ...list);
}

function showLink(state) {
  const words = { live: ["good", "实时更新"], down: ["bad", "连接中断"], connecting: ["plain", "正在连接"] };
  if (document.body.dataset.link !== state || byId("link").textContent !== words[state][1]) {
    document.body.dataset.link = state;
    byId("link").className = `chip ${words[state][0]}`;
    byId("link").textContent = words[state][1];
  }
  showAlerts();
}

function showClock() {
  if (!base.at) return;
  const ms = now();
  byId("clock").textContent = `${at8(ms).getUTCFullYear()}年${longDayOf(ms)}${clockOf(ms)}`;
}

function showAll() {
  showCampaign();
  showUnits();
  showFigures();
  showToday();
  showAttention();
  showMessages();
  showBroadcasts();
  showAlerts();
  showClock();
}

// Many changes of one moment are one drawing.
function draw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; showAll(); });
}

// ---- the state ------------------------------------------------------------------------------------------------

function put(kind, data) {
  if (kind === "unit") board.units.set(data.code, data);
  else if (kind === "broadcast") board.broadcasts.set(data.id, data);
  else if (kind in board) board[kind] = data;
  if (kind === "service" || (kind === "campaign" && data.simulated)) setTime(data.now);
}

function onEvent(kind, e) {
  const data = JSON.parse(e.data), rev = Number(e.lastEventId);
  late.set(kind === "unit" ? `unit/${data.code}` : kind === "broadcast" ? `broadcast/${data.id}` : kind, { kind, data, rev });
  heard = Date.now();
  put(kind, data);
  if (kind === "unit") changed.add(data.code);
  draw();
}

async function load(query) {
  const answer = await fetch(`/api/v1/state${query}`, { credentials: "same-origin", cache: "no-store" });
  if (answer.status === 401) {
    location.replace("/login");
    return;
  }
  if (!answer.ok) throw new Error(`state: ${answer.status}`);
  const whole = await answer.json();
  board.units = new Map(whole.units.map((u) => [u.code, u]));
  board.broadcasts = new Map(whole.broadcasts.map((b) => [b.id, b]));
  for (const k of ["campaign", "ops", "today", "attention", "service", "operator"]) board[k] = whole[k] || null;
  if (whole.service) setTime(whole.service.now);
  for (const l of late.values()) if (l.rev > whole.rev) put(l.kind, l.data);
  late.clear();
  heard = Date.now();
  byId("operator").textContent = board.operator ? `${board.operator.name}（${ROLES[board.operator.role] || board.operator.role}）` : "";
  showAll();
}

function lost() {
  if (source) source.close();
  source = null;
  showLink("down");
  setTimeout(connect, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
}

function connect() {
  const s = new EventSource("/api/v1/events");
  source = s;
  for (const kind of ["campaign", "ops", "today", "attention", "service", "unit", "broadcast"])
    s.addEventListener(kind, (e) => { if (source === s) onEvent(kind, e); });
  s.onopen = () => load("?auto=1").then(() => {
    if (source !== s) return;
    tries = 0;
    showLink("live");
  }).catch(() => { if (source === s) lost(); });
  s.onerror = () => {
    if (source !== s) return;
    lost();
    load("?auto=1").catch(() => {}); // says whether it is only the login that is over
  };
}

setInterval(() => {
  showClock();
  if (source && document.body.dataset.link === "live" && Date.now() - heard > SILENCE_MS) lost();
}, 1000);

function touch() {
  if (document.visibilityState !== "visible" || Date.now() - touched < TOUCH_MS) return;
  touched = Date.now();
  load("").catch(() => {});
}

for (const kind of ["pointerdown", "keydown", "wheel", "visibilitychange"]) document.addEventListener(kind, touch, { passive: true });
connect();
