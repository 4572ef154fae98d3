// Durations that tick, by the server's clock: data-since (UTC milliseconds) shows how long ago that was, data-until how long it lasts
// yet. What is over gets the class "over" and shows by how much.

let offset = 0

export function setClock(nowMs) { offset = nowMs - Date.now() }

export function span(ms) {
  const all = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60]
  const two = (n) => String(n).padStart(2, "0")
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
}

export function tick(root = document) {
  const now = Date.now() + offset
  for (const shown of root.querySelectorAll("[data-since]")) {
    const text = span(now - Number(shown.dataset.since))
    if (shown.textContent !== text) shown.textContent = text
  }
  for (const shown of root.querySelectorAll("[data-until]")) {
    const left = Number(shown.dataset.until) - now
    shown.classList.toggle("over", left < 0)
    const text = (left < 0 ? shown.dataset.over : shown.dataset.left).replace("{}", span(Math.abs(left)))
    if (shown.textContent !== text) shown.textContent = text
  }
}

const page = document.getElementById("live")
if (page) {
  setClock(Number(page.dataset.now))
  tick()
  setInterval(tick, 1000)
}
