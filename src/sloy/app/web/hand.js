import {h, say} from "/web/base.js";
export class HandPage { constructor(app) { this.element = h("div", {}, h("h1", {}, say("hand"))); } }
