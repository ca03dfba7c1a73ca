/** The lines of a job, read page by page while it goes on. */
import { call, isFinal, pause } from "../../api.js";
import { useEffect, useRef, useState } from "../../html.js";

const PAGE_SIZE = 200;
const REFRESH_MS = 1500;

/** Return [lines or null, error]. Lines are read again as the job goes on, but for pages that can't have changed. */
export function useJobLines(id, job) {
  const [state, setState] = useState([null, null]);
  const pages = useRef([]);
  const current = useRef(job);
  current.current = job;
  const isKnown = Boolean(job);
  useEffect(() => {
    if (!isKnown) return undefined;
    const control = new AbortController();
    const follow = async () => {
      for (let isEnd = false; !isEnd; ) {
        const seen = current.current;
        isEnd = isFinal(seen);
        await readPages(id, pages.current, isEnd, control.signal);
        setState([pages.current.flatMap((page) => page.data), null]);
        while (!isEnd && current.current === seen) await pause(REFRESH_MS / 3, control.signal);
        if (!isEnd) await pause(REFRESH_MS, control.signal);
      }
    };
    follow().catch((error) => error.name !== "AbortError" && setState(([lines]) => [lines, error]));
    return () => control.abort();
  }, [id, isKnown]);
  return state;
}

/** Lines are spoken in their order, several at once: behind a page where all wait, all wait. */
async function readPages(id, pages, isEnd, signal) {
  const isWhole = pages.length > 0 && !pages.at(-1).next_cursor;
  let cursor = null;
  for (let index = 0; index === 0 || cursor; index++) {
    const known = pages[index];
    const isSettled = known && !isEnd && known.data.every((line) => line.state !== "waiting");
    if (!isSettled) pages[index] = await readPage(id, cursor, signal);
    if (isWhole && !isEnd && pages[index].data.every((line) => line.state === "waiting")) return;
    cursor = pages[index].next_cursor;
  }
}

async function readPage(id, cursor, signal) {
  for (;;) {
    try {
      const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
      return await call("GET", `v2/jobs/${id}/lines?limit=${PAGE_SIZE}${from}`, undefined, { signal });
    } catch (error) {
      if (error.status !== 429 && error.code !== "no_connection") throw error;
      await pause((error.details.retry_after ?? 2) * 1000, signal);
    }
  }
}
