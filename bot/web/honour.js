/*
 * The honour roll: one request, shown as text. Written for old telephones: no syntax younger than 2009.
 *
 * A page that was left open is read again when somebody comes back to it: a name may have been withdrawn meanwhile.
 */
(function () {
  "use strict";

  var STALE_MS = 30000;
  var TIMEOUT_MS = 15000;
  var readAt = 0;
  var busy = false;

  function byId(id) {
    return document.getElementById(id);
  }

  function el(tag, className, text) {
    var e = document.createElement(tag);
    if (className) e.className = className;
    if (text) e.textContent = text;
    return e;
  }

  function clear(e) {
    while (e.firstChild) e.removeChild(e.firstChild);
  }

  function say(text) {
    byId("status").textContent = text;
    byId("status").hidden = !text;
  }

  function line(id, text) {
    byId(id).textContent = text;
    byId(id).hidden = !text;
  }

  function item(one) {
    var li = el("li");
    li.appendChild(el("span", "person", one.name));
    li.appendChild(el("span", "community", one.community));
    if (one.deed) li.appendChild(el("p", "deed", one.deed));
    return li;
  }

  /* Items come in the order in which they are shown: those of one unit stand together. */
  function category(k) {
    var part = el("section", "category");
    var list = null, last = null;
    part.id = "c-" + k.id;
    part.appendChild(el("h2", "", k.name));
    part.appendChild(el("p", "count", "共" + k.items.length + k.unit_word + "，排名不分先后"));
    k.items.forEach(function (one) {
      if (!list || one.unit !== last) {
        var unit = el("div", "unit");
        unit.appendChild(el("h3", "", one.unit_name));
        list = el("ul");
        unit.appendChild(list);
        part.appendChild(unit);
        last = one.unit;
      }
      list.appendChild(item(one));
    });
    return part;
  }

  function link(k) {
    var a = el("a", "", "");
    a.href = "#c-" + k.id;
    a.appendChild(el("span", "", k.name));
    a.appendChild(el("b", "", k.items.length + k.unit_word));
    return a;
  }

  function telephone(number) {
    var a = el("a", "", number);
    line("tel", number ? "办公电话：" : "");
    a.href = "tel:" + number.replace(/[^0-9+]/g, "");
    if (number) byId("tel").appendChild(a);
  }

  function show(data) {
    var shown = data.published ? data.categories.filter(function (k) { return k.items.length > 0; }) : [];
    clear(byId("roll"));
    clear(byId("nav"));
    line("title", data.published ? data.title : "");
    line("doc", data.published ? data.doc_no : "");
    telephone(data.published ? data.tel : "");
    byId("order").hidden = !data.published;
    byId("nav").hidden = shown.length < 2;
    byId("again").hidden = true;
    say(data.published ? "" : "名单尚未公布");
    shown.forEach(function (k) {
      byId("nav").appendChild(link(k));
      byId("roll").appendChild(category(k));
    });
  }

  /* What is shown already stays: it was true a moment ago, and the line may be weak. */
  function fail() {
    if (byId("roll").firstChild) return;
    say("暂时无法显示名单，请稍后再试。");
    byId("again").hidden = false;
  }

  function read() {
    var request = new XMLHttpRequest();
    if (busy) return;
    busy = true;
    request.open("GET", "/api/v1/honours");
    request.timeout = TIMEOUT_MS;
    request.onload = function () {
      busy = false;
      try {
        if (request.status !== 200) throw new Error("status " + request.status);
        show(JSON.parse(request.responseText));
        readAt = Date.now();
      } catch (e) {
        fail();
      }
    };
    request.onerror = request.ontimeout = function () {
      busy = false;
      fail();
    };
    request.send();
  }

  function readAgain() {
    if (!document.hidden && Date.now() - readAt > STALE_MS) read();
  }

  byId("again").addEventListener("click", read);
  document.addEventListener("visibilitychange", readAgain);
  window.addEventListener("pageshow", function (e) { if (e.persisted) readAgain(); });
  say("正在读取名单……");
  read();
}());
