// Sends or copies a link that is shown once: through the phone's own share sheet, or else the clipboard.

const place = document.querySelector("[data-share]");
const button = place?.querySelector("button");
if (button && (navigator.share || navigator.clipboard)) {
  place.hidden = false;
  button.addEventListener("click", async () => {
    try {
      if (navigator.share) return await navigator.share({ title: button.dataset.title, url: button.dataset.link });
      await navigator.clipboard.writeText(button.dataset.link);
      button.querySelector("span").textContent = button.dataset.done;
    } catch {
      document.querySelector("#link")?.select();
    }
  });
}
