// An article's link, copied by one click.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.querySelector("span").textContent = button.dataset.copied;
  } catch {
    // The clipboard may be forbidden: the link can be copied by hand.
    const field = document.createElement("input");
    Object.assign(field, { className: "form-control", readOnly: true, value: button.dataset.copy });
    field.setAttribute("aria-label", button.textContent.trim());
    button.replaceWith(field);
    field.select();
  }
});
