import {h, say} from "/web/base.js";
export class LookPage { constructor(app) { this.element = h("div", {}, h("h1", {}, say("look"))); } }
