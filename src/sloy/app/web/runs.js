import {h, say} from "/web/base.js";
export class RunsPage { constructor(app) { this.element = h("div", {}, h("h1", {}, say("runs"))); } }
