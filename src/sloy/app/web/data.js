import {h, say} from "/web/base.js";
export class DataPage { constructor(app) { this.element = h("div", {}, h("h1", {}, say("data"))); } }
