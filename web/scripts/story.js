// One call's recording: waveform of both sides, the playhead on the timeline, seeking from either, speed. The native player works without it.

import WaveSurfer from "wavesurfer.js"

const timeline = document.getElementById("timeline")
const playhead = document.getElementById("playhead")
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function drawWave(holder, audio) {
  const colours = ["--wave-caller", "--wave-agent"].map((name) => {
    const probe = holder.appendChild(document.createElement("i"))
    probe.className = name.slice(2)
    const found = getComputedStyle(probe).color
    probe.remove()
    return found
  })
  const nonce = document.querySelector("meta[name=style-nonce]")?.content
  const side = (waveColor) => ({ waveColor, progressColor: waveColor, height: 44, barWidth: 2, barGap: 1, barRadius: 2, normalize: true })
  return WaveSurfer.create({
    container: holder, media: audio, url: audio.currentSrc || audio.src, cspNonce: nonce, cursorColor: colour("--ink") || "currentColor",
    cursorWidth: 2, splitChannels: [side(colours[0]), side(colours[1])], height: 44, dragToSeek: true,
  })
}

function show(moment) {
  const x = (moment / Number(timeline.dataset.lasted)) * 100
  playhead.setAttribute("x1", `${x}%`)
  playhead.setAttribute("x2", `${x}%`)
  playhead.setAttribute("visibility", "visible")
}

for (const player of document.querySelectorAll(".player")) {
  const audio = player.querySelector("audio")
  const shift = timeline && player.dataset.began ? Number(player.dataset.began) - Number(timeline.dataset.begins) : null
  player.querySelector("select").addEventListener("change", (event) => { audio.playbackRate = Number(event.target.value) })
  if (shift !== null) {
    audio.addEventListener("timeupdate", () => show(shift + audio.currentTime * 1000))
    timeline.addEventListener("click", (event) => {
      const box = timeline.querySelector(".playhead-track").getBoundingClientRect()
      const at = ((event.clientX - box.left) / box.width) * Number(timeline.dataset.lasted) - shift
      if (at >= 0 && at / 1000 < audio.duration) audio.currentTime = at / 1000
    })
    timeline.classList.add("can-seek")
  }
  try { drawWave(player.querySelector(".wave"), audio).on("ready", () => player.classList.add("has-wave")) } catch (error) { console.info("no waveform", error) }
}
