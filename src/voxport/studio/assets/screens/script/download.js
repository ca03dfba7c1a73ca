/** Saves a stored file by the browser. */
import { freshUrl } from "../../api.js";

export async function download(fileKey) {
  const link = document.createElement("a");
  link.href = await freshUrl(fileKey);
  link.download = "";
  link.rel = "noreferrer";
  link.click();
}
