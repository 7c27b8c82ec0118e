// A picture that is chosen, dropped or pasted, made small enough to travel in a link.

import { $ } from "./dom.js";

const SIDE = 384; // what the largest common encoders look at

/** Base64 of a JPEG of at most SIDE pixels. Throws where the file is no picture that the browser knows. */
export async function shrink(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(8, Math.round(bitmap.width * scale));
  canvas.height = Math.max(8, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // as Weft lays transparent pictures on white
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.86).split(",")[1];
}

/** Calls `take(file)` for every way of giving a picture. */
export function listen(take) {
  const first = (files) => [...files].find((file) => file.type.startsWith("image/")) ?? files[0];
  $("file").addEventListener("change", (event) => {
    if (event.target.files.length) take(event.target.files[0]);
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (files.length) {
      event.preventDefault();
      take(first(files));
    }
  });
  let depth = 0; // dragenter and dragleave come for every element on the way
  const show = (change) => {
    depth = change === 0 ? 0 : depth + change;
    $("drop").hidden = depth <= 0;
  };
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => carries(event) && show(1));
  document.addEventListener("dragleave", (event) => carries(event) && show(-1));
  document.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    show(0);
    if (!carries(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) take(first(event.dataTransfer.files));
  });
}
