// Listening to prompts: one at a time, in the page. Without this script the link plays the file in the browser.

const audio = new Audio()
let shown = null

function show(link) {
  shown?.classList.remove("is-on")
  shown?.setAttribute("aria-pressed", "false")
  shown = link
  shown?.classList.add("is-on")
  shown?.setAttribute("aria-pressed", "true")
}

for (const ended of ["ended", "error"]) audio.addEventListener(ended, () => show(null))

for (const link of document.querySelectorAll("a.listen")) {
  link.setAttribute("role", "button")
  link.setAttribute("aria-pressed", "false")
  link.addEventListener("click", (event) => {
    event.preventDefault()
    audio.pause()
    if (shown === link) return show(null)
    audio.src = link.href
    show(link)
    audio.play().catch(() => { if (shown === link) show(null) })
  })
  link.addEventListener("keydown", (event) => {
    if (event.key === " ") { event.preventDefault(); link.click() }
  })
}
