// An article's link, copied by one click.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.querySelector("span").textContent = button.dataset.copied;
  } catch {
    window.prompt("", button.dataset.copy); // the clipboard may be forbidden: the link can be copied by hand
  }
});
