import { html } from "../html.js"; export default () => html`<p>…</p>`;
