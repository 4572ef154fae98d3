// The live page: a snapshot, then each row as it changes, over server-sent events. Reconnects for ever and says when it is cut off.

import { setClock, tick } from "./ticking.js"

const page = document.getElementById("live")
const banner = document.getElementById("lost")
const SILENCE_MS = 25_000
const RETRY_MS = 1_500
let source = null
let heard = 0

function rendered(html) {
  const holder = document.createElement("template")
  holder.innerHTML = html.trim()
  return holder.content.firstElementChild
}

function find(list, key) {
  for (const row of list.children) if (row.dataset.key === key) return row
  return null
}

function place(list, row) {
  for (const other of list.children) {
    if (other !== row && other.dataset.order > row.dataset.order) return list.insertBefore(row, other)
  }
  return list.append(row)
}

function put({ list: name, key, html }) {
  const list = document.getElementById(name)
  const old = find(list, key)
  if (html === null) { old?.remove(); return }
  const row = rendered(html)
  if (!old) { row.classList.add("is-new"); place(list, row) } else if (old.dataset.order === row.dataset.order) { old.replaceWith(row) } else { old.remove(); place(list, row) }
  tick(row)
}

function replaceAll(lists) {
  for (const [name, rows] of Object.entries(lists)) {
    const list = document.getElementById(name)
    const keys = new Set(rows.map((row) => row.key))
    for (const row of [...list.children]) if (!keys.has(row.dataset.key)) row.remove()
    rows.forEach(put)
  }
}

let due = false
function count() {
  if (due) return
  due = true
  requestAnimationFrame(() => {
    due = false
    for (const figure of document.querySelectorAll("[data-count]")) {
      const text = String(document.querySelectorAll(figure.dataset.count).length)
      if (figure.textContent !== text) figure.textContent = text
    }
    for (const empty of document.querySelectorAll("[data-empty]")) {
      empty.classList.toggle("shown", document.getElementById(empty.dataset.empty).childElementCount === 0)
    }
  })
}

function alive() { heard = Date.now(); banner.hidden = true; page.classList.remove("is-stale") }
function lost() { banner.hidden = false; page.classList.add("is-stale") }

function follow() {
  source?.close()
  heard = Date.now()
  source = new EventSource(page.dataset.source)
  source.addEventListener("snapshot", ({ data }) => { const all = JSON.parse(data); setClock(all.now_ms); replaceAll(all.lists); tick(); count(); alive() })
  source.addEventListener("row", ({ data }) => { put(JSON.parse(data)); count(); alive() })
  source.addEventListener("ping", ({ data }) => { setClock(JSON.parse(data).now_ms); alive() })
  source.addEventListener("signed-out", () => { source.close(); location.assign("/signin?to=/live") })
  source.addEventListener("error", () => { lost(); if (source.readyState === EventSource.CLOSED) again() })
}

// A refused request (signed out, service restarting) closes an EventSource for good: ask what is the matter, and come again.
async function again() {
  await new Promise((done) => setTimeout(done, RETRY_MS))
  try {
    const answer = await fetch("/live", { method: "HEAD", redirect: "manual", cache: "no-store" })
    if (answer.type === "opaqueredirect") { location.assign("/signin?to=/live"); return }
  } catch { /* still away */ }
  follow()
}

setInterval(() => { if (Date.now() - heard > SILENCE_MS) { lost(); follow() } }, 5_000)
addEventListener("pageshow", (event) => { if (event.persisted) follow() })
addEventListener("pagehide", () => source?.close())
count()
follow()
