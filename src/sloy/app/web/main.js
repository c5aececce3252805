// The way in, the pages and the language.
import {ask, h, say, speak, spoken, tell} from "/web/base.js";
import {DataPage} from "/web/data.js";
import {HandPage} from "/web/hand.js";
import {Live} from "/web/live.js";
import {LookPage} from "/web/look.js";
import {Playground} from "/web/playground.js";
import {RunsPage} from "/web/runs.js";

const PAGES = {playground: Playground, data: DataPage, hand: HandPage, look: LookPage, runs: RunsPage};
const FIRST = {table: "data", data: "data", model: "look", run: "runs"};

class App {
  // The token of the link is exchanged for a cookie; it does not stay in the address.
  async enter() {
    speak(spoken());
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token) {
      history.replaceState(null, "", location.pathname);
      const answer = await fetch("/api/session", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({token})});
      if (!answer.ok && !(await this.known())) return this.refused();
    } else if (!(await this.known())) return this.refused();
    this.start = await ask("start");
    this.live = new Live((kind, value) => this.told(kind, value));
    const opened = this.start.things.find(thing => thing.id === this.start.opened);
    this.page = location.hash.slice(1) in PAGES ? location.hash.slice(1) : FIRST[opened?.kind] || "playground";
    addEventListener("hashchange", () => { if (location.hash.slice(1) in PAGES) this.show(location.hash.slice(1), true); });
    document.getElementById("language").addEventListener("click", () => { speak(spoken() === "ru" ? "en" : "ru"); this.show(this.page); });
    return this.show(this.page);
  }

  async known() {
    const answer = await fetch("/api/do/start", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"});
    return answer.ok;
  }

  refused() {
    document.getElementById("main").replaceChildren(h("h1", {}, say("closed")), h("p", {}, say("closed_why")));
  }

  show(name, moved = false) {
    this.page = name;
    document.title = `${say(name)} · sloy`;
    document.getElementById("skip").textContent = say("to_content");
    const language = document.getElementById("language");
    language.textContent = spoken() === "ru" ? "English" : "Русский";
    language.lang = spoken() === "ru" ? "en" : "ru";
    const nav = document.getElementById("nav");
    nav.setAttribute("aria-label", say("pages"));
    nav.replaceChildren(...Object.keys(PAGES).map(key => h("a", {href: `#${key}`, ...(key === name ? {"aria-current": "page"} : {})}, say(key))));
    tell("");
    this.view?.leave?.();
    this.view = new PAGES[name](this);
    const main = document.getElementById("main");
    main.replaceChildren(this.view.element);
    if (moved) { main.focus(); scrollTo(0, 0); }
  }

  told(kind, value) {
    if (kind === "error") tell(value, true);
    if (kind === "closed") tell(say("server_gone"), true);
    if (kind === "open") tell("");
    this.view?.told?.(kind, value);
  }
}

const app = new App();
app.enter();
