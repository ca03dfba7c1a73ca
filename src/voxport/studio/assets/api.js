/** Calls of the gateway. Every error is an ApiError, whose message is a sentence for people. */
import { balance, expireSession, key, providers, services, signedOutBecause, voices, voiceWarnings } from "./state.js";
import t from "./strings.en.js";
import * as unsettled from "./unsettled.js";

/** Where the gateway answers, with a trailing slash: this module is at BASE/studio/BUILD/api.js. */
export const base = new URL("../..", import.meta.url);

const publicUrl = document.querySelector('meta[name="voxport-url"]').content;
const RETRIES = 3;

export class ApiError extends Error {
  constructor({ code, message, request_id: requestId, details }, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.details = details ?? {};
  }
}

/**
 * Call the gateway and return the answer's JSON. `options`: headers, signal, key (else the signed-in one), and `read`,
 * which reads the Response of a call that answers with something else.
 */
export async function call(method, path, body, options = {}) {
  const response = await send(method, path, body, options);
  const isRead = response.ok && options.read;
  const content = await (isRead ? options.read(response) : response.text()).catch((error) => {
    throw error.name === "AbortError" ? error : connectionLost();
  });
  if (isRead) return content;
  const parsed = parse(content);
  if (response.ok && parsed !== null) return parsed;
  throw errorOf(response, parsed, options);
}

/**
 * Make a billed call. It is sent again with the same Idempotency-Key when the connection breaks, and so is the next
 * call with the same body, or the same `options.order`, after one whose outcome is unknown: charged once.
 */
export async function billed(path, body, { order = body, ...options } = {}) {
  const usedKey = key.value;
  const made = unsettled.begin(JSON.stringify([path, order, options.headers ?? null]), body);
  const headers = { ...options.headers, "Idempotency-Key": made.key };
  let isKnown = false;
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await call("POST", path, made.body, { ...options, headers });
        isKnown = true;
        return answer;
      } catch (error) {
        const isWorthwhile = error.code === "no_connection" || error.code === "idempotency_in_flight";
        if (!isWorthwhile || attempt >= (error.status ? 60 : RETRIES)) {
          // A refusal of the key, or of so many calls, does not say what became of the order when it was sent before.
          const isOfOrder = ![401, 429].includes(error.status) || (attempt === 0 && !made.isRepeat);
          isKnown = !isWorthwhile && isOfOrder && error.code !== "http_error" && error.name !== "AbortError";
          throw error;
        }
        await pause((error.details.retry_after ?? 1 + attempt) * 1000, options.signal);
        if (key.value !== usedKey) throw error; // the order is not the next profile's
      }
    }
  } finally {
    unsettled.end(made, isKnown);
  }
}

/** PUT a file to an upload URL; `onProgress` gets the share that was sent. */
export function upload(url, file, contentType, { onProgress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", ownUrl(url));
    request.setRequestHeader("Content-Type", contentType);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve();
      const content = parse(request.responseText); // storage that is not the gateway's answers in its own form
      reject(new ApiError(content?.error ?? { code: "upload_failed", message: t.errors.upload(request.status) }, request.status));
    };
    const isElsewhere = new URL(ownUrl(url)).origin !== location.origin;
    const message = isElsewhere ? t.errors.storageBroken : t.errors.uploadBroken;
    request.onerror = () => reject(new ApiError({ code: "no_connection", message }));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/**
 * Follow a job by its events until it ends, and return it; `onChange` gets each state. Falls back to asking. `onLost` is
 * told whether the connection is lost: the job goes on, and so does the asking.
 */
export async function followJob(id, { onChange, onLost, signal }) {
  for (let last = ""; ; ) {
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const response = await send("GET", `v2/jobs/${id}/events`, undefined, { headers, signal });
      if (response.status === 200) {
        for await (const event of events(response.body)) {
          last = event.id ?? last;
          const job = JSON.parse(event.data);
          onLost?.(false);
          onChange(job);
          if (isFinal(job)) return job;
        }
      } else if (response.status >= 400 && response.status !== 429 && response.status < 500) {
        throw errorOf(response, await response.json().catch(() => null), {});
      }
    } catch (error) {
      if (error.name === "AbortError" || (error.status >= 400 && error.status < 500)) throw error;
    }
    const job = await call("GET", `v2/jobs/${id}`, undefined, { signal }).catch((error) => {
      if (error.code !== "no_connection") throw error;
    });
    onLost?.(!job);
    if (job) {
      onChange(job);
      if (isFinal(job)) return job;
    }
    await pause(2000, signal);
  }
}

export const isFinal = (job) => ["completed", "failed", "cancelled"].includes(job.status);

/** Turn a URL of the gateway's public address into one of the address that the page was read from. */
export function ownUrl(url) {
  return url?.startsWith(publicUrl + "/") ? new URL(url.slice(publicUrl.length + 1), base).href : url;
}

/** A URL of a file that was signed just now. */
export async function freshUrl(fileKey) {
  const { data } = await call("GET", `v1/media/${encodeKey(fileKey)}`);
  return ownUrl(data.url);
}

export const deleteFile = (fileKey) => call("DELETE", `v1/media/${encodeKey(fileKey)}`);

export async function loadBalance() {
  balance.value = (await call("GET", "v2/billing/balance")).data;
}

let deletion = Promise.resolve();

/** Delete a voice of one's own; the next list of voices waits for it. `withMixes`: those too that a clone is in. */
export function deleteVoice(id, withMixes = false) {
  const answer = call("DELETE", `v1/voices/${encodeURIComponent(id)}${withMixes ? "?with_mixes=true" : ""}`);
  deletion = answer.catch(() => {});
  return answer;
}

export async function loadVoices() {
  await deletion;
  const { data } = await call("GET", "v1/proxy/core-tts-voices");
  providers.value = data.providers;
  voiceWarnings.value = data.warnings;
  voices.value = data.voices;
}

export async function loadCatalog() {
  const { data } = await call("GET", "v1/catalog");
  services.value = Object.fromEntries(data.services.map((service) => [service.service, service]));
}

export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}

async function send(method, path, body, options) {
  const headers = { ...options.headers };
  const sentKey = options.key ?? key.value;
  if (sentKey) headers.Authorization = `Bearer ${sentKey}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request = { method, headers, signal: options.signal, cache: "no-store", referrerPolicy: "no-referrer" };
  if (body !== undefined) request.body = JSON.stringify(body);
  request.keepalive = method === "DELETE"; // is sent also if the tab is closed at once
  try {
    return await fetch(new URL(path, base), request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw connectionLost();
  }
}

const connectionLost = () => new ApiError({ code: "no_connection", message: t.errors.noConnection });

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function errorOf(response, content, options) {
  const error = new ApiError(
    content?.error ?? { code: "http_error", message: t.errors.http(response.status) },
    response.status,
  );
  if (response.status === 401 && options.key === undefined && key.value) {
    signedOutBecause.value = error.message;
    expireSession();
  }
  return error;
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    pending += value;
    const blocks = pending.split("\n\n");
    pending = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.match(/^(\w+): ?(.*)$/)?.slice(1) ?? ["", ""]));
      if (fields.data) yield fields;
    }
  }
}

const encodeKey = (fileKey) => fileKey.split("/").map(encodeURIComponent).join("/");
