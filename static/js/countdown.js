// By the server's clock: the time left until a moment, on every element with data-countdown, in its two largest units;
// with data-within in one, and only so many seconds before; and the moment of a click, for the field that a button's
// data-now-into names.
const ahead = Date.parse(document.body.dataset.now) - Date.now(); // of this machine's clock
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const inUnit = (number, unit) =>
  new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "short" }).format(number);
const lasting = (seconds, units) => {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  return UNITS.slice(first, first + units).map(([unit, size], index) => {
    const whole = index ? UNITS[first][1] : Infinity;
    return inUnit(Math.floor((seconds % whole) / size), unit);
  }).join(" ");
};
const countDown = () => {
  document.querySelectorAll("[data-countdown]").forEach((element) => {
    const { countdown, within, words, due } = element.dataset;
    const seconds = Math.ceil((Date.parse(countdown) - ahead - Date.now()) / 1000);
    const text = seconds > Number(within || Infinity) ? "" : seconds > 0 ? words.replace("…", lasting(seconds, within ? 1 : 2)) : due;
    if (element.textContent !== text) element.textContent = text;
  });
};
countDown();
setInterval(countDown, 1000);
document.addEventListener("htmx:load", countDown);
document.addEventListener("htmx:oobAfterSwap", countDown);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-now-into]");
  if (!button) return;
  const field = document.getElementById(button.dataset.nowInto);
  // Swedish writes 2026-05-01 09:00:00
  const moment = new Date(Date.now() + ahead).toLocaleString("sv", { timeZone: button.dataset.zone });
  field.value = moment.slice(0, 16).replace(" ", "T");
  field.dispatchEvent(new Event("change", { bubbles: true }));
});
