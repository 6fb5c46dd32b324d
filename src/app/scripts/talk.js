// Talking to an agent from the browser: microphone, call and loudspeaker of a `[data-talk]`.
//
// Everything that is shown is drawn by the server; this only fills in words and shows or hides parts. The call is
// started by our own server, which has the key; what comes here is the address of that one call.

const WORDS = {
  asking: "Asking for the microphone. Your browser may show a question.",
  connecting: "Calling the agent.",
  talking: "You are talking to the agent.",
  muted: "The agent does not hear you.",
  refused: "The microphone is not allowed here. Allow it in your browser, beside the address, and try again.",
  missing: "No microphone was found. Connect one and try again.",
  busy: "The microphone could not be opened. If another program uses it, close it there and try again.",
  insecure: "Browsers give the microphone to pages over https only. Open this page by its https address.",
  silent: "This browser cannot play or record sound in a page. Try it in another one.",
  away: "This service was not reached. Check your connection and try again.",
  strange: "This service gave no answer that makes sense. Reload the page and try again.",
  closed: "The call could not be opened. Check that your network lets WebSockets to vapi.ai through, and try again.",
  lost: "The connection to the call was lost.",
  unplugged: "The microphone is gone, so the call has ended.",
};
/** How long Vapi may take to open the call, in milliseconds. */
const OPENING = 15_000;
/** How long the last words of the agent may still play after it has ended the call, in milliseconds. */
const LAST_WORDS = 8_000;
/** Sound that waits for a slow network, in bytes: two seconds. What comes on top is left out. */
const MOST_WAITING = 64_000;

/** Why there is no call, in words; with `card` where the card of Vapi helps. */
class Trouble extends Error {
  constructor(words, card = false) {
    super(words);
    this.card = card;
  }
}

/** What is said of an error that the browser gave in place of a microphone. */
const microphoneTrouble = (error) => {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return new Trouble(WORDS.refused);
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return new Trouble(WORDS.missing);
  return new Trouble(WORDS.busy);
};

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Loudness as ears tell it, from 0 to 1: the lowest 55 decibels are nothing. */
const loudness = (level) => Math.max(0, Math.min(1, (20 * Math.log10(level + 1e-6) + 55) / 55));

/** One call, from the press of the button to its end. */
class Call {
  constructor(panel) {
    this.panel = panel;
    this.isOver = false;
  }

  async run() {
    try {
      this.panel.show("asking", WORDS.asking);
      await this.listen();
      if (this.isOver) return;
      this.panel.show("connecting", WORDS.connecting);
      const started = await this.start();
      if (this.isOver) return;
      await this.wire(started.sample_rate);
      if (this.isOver) return;
      this.open(started.url);
    } catch (error) {
      if (!(error instanceof Trouble)) console.warn("talk", error);
      const trouble = error instanceof Trouble ? error : new Trouble(WORDS.silent);
      this.end("failed", trouble.message, trouble.card);
    }
  }

  async listen() {
    if (!navigator.mediaDevices?.getUserMedia) throw new Trouble(window.isSecureContext ? WORDS.silent : WORDS.insecure);
    // Made while the press of the button counts: later, a browser may leave it silent.
    this.sound = new AudioContext({ latencyHint: "interactive" });
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
      throw microphoneTrouble(error);
    });
    this.stream = stream;
    if (this.isOver) return this.release();
    for (const track of stream.getAudioTracks()) {
      track.addEventListener("ended", () => this.hangUp(WORDS.unplugged));
    }
  }

  async start() {
    const { role, org } = this.panel;
    const headers = { accept: "application/json", "x-organization": org };
    const answer = await fetch(`/api/agents/${role}/talk`, { method: "POST", headers }).catch(() => {
      throw new Trouble(WORDS.away);
    });
    const told = await answer.json().catch(() => {
      throw new Trouble(WORDS.strange);
    });
    if (answer.ok) return told;
    const card = ["not_connected", "paused", "needs_attention", "unreadable", "provider_refused"].includes(told.code);
    throw new Trouble(told.detail ?? WORDS.strange, card);
  }

  /** Microphone to frames, frames to loudspeaker. */
  async wire(rate) {
    await this.sound.audioWorklet.addModule(this.panel.worklet);
    await this.sound.resume();
    const node = (name, inputs) =>
      new AudioWorkletNode(this.sound, name, {
        numberOfInputs: inputs,
        numberOfOutputs: 1,
        outputChannelCount: [1],
        channelCount: 1,
        channelCountMode: "explicit",
        processorOptions: { rate },
      });
    const capture = node("talk-capture", 1);
    capture.port.onmessage = ({ data }) => {
      this.panel.level("you", this.isMuted ? 0 : data.level);
      const socket = this.socket;
      if (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_WAITING) socket.send(data.frame);
    };
    this.playback = node("talk-playback", 0);
    this.playback.port.onmessage = ({ data }) => {
      this.isPlaying = data.isPlaying;
      this.panel.level("agent", data.level);
    };
    this.sound.createMediaStreamSource(this.stream).connect(capture);
    // A part that leads nowhere may not run. It is silent.
    capture.connect(this.sound.destination);
    this.playback.connect(this.sound.destination);
  }

  open(url) {
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    const opening = setTimeout(() => this.end("failed", WORDS.closed), OPENING);
    socket.onopen = () => {
      clearTimeout(opening);
      this.beganAt = performance.now();
      this.panel.show("talking", WORDS.talking);
      this.ticking = setInterval(() => this.panel.time(this.seconds()), 250);
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.hear(data);
      else this.playback.port.postMessage(data, [data]);
    };
    socket.onclose = (event) => {
      clearTimeout(opening);
      if (this.beganAt === undefined) this.end("failed", WORDS.closed);
      else if (event.wasClean) this.end("ended", `The agent has ended the call after ${clock(this.seconds())}.`);
      else this.end("failed", `${WORDS.lost} It lasted ${clock(this.seconds())}.`);
    };
  }

  /** What Vapi tells beside the sound. Kinds that nobody knows are left alone. */
  hear(text) {
    let told;
    try {
      told = JSON.parse(text);
    } catch {
      return;
    }
    if (told.type === "user-interrupted") this.playback.port.postMessage(null);
    const isFinal = told.type === "transcript" && told.transcriptType !== "partial";
    if (isFinal && typeof told.transcript === "string") this.panel.caption(told.role, told.transcript);
  }

  seconds() {
    return this.beganAt === undefined ? 0 : (performance.now() - this.beganAt) / 1000;
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    // Silence goes on being sent, so that the agent knows that somebody is there.
    for (const track of this.stream.getAudioTracks()) track.enabled = !isMuted;
    this.panel.show("talking", isMuted ? WORDS.muted : WORDS.talking);
  }

  hangUp(words) {
    const lasted = this.beganAt === undefined ? "You stopped before the call began." : `You hung up after ${clock(this.seconds())}.`;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "hangup" }));
    this.end("ended", words ?? lasted);
  }

  end(state, words, card = false) {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.ticking);
    const isTheirs = state === "ended" && this.socket?.readyState === WebSocket.CLOSED;
    this.socket?.close();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.panel.show(state, words, { card, listed: this.beganAt !== undefined });
    if (isTheirs) this.letFinish(performance.now() + LAST_WORDS);
    else this.release();
    this.panel.free();
  }

  /** The agent's last words may have come faster than they are spoken. */
  letFinish(latest) {
    if (!this.isPlaying || performance.now() > latest) return this.release();
    setTimeout(() => this.letFinish(latest), 100);
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.sound && this.sound.state !== "closed") this.sound.close();
  }
}

/** The part of the page that an agent has for this. */
class Panel {
  constructor(root) {
    this.root = root;
    ({ talk: this.role, org: this.org, worklet: this.worklet } = root.dataset);
    this.parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
    const { start, mute, hang } = this.parts;
    start.addEventListener("click", () => this.begin());
    mute.addEventListener("click", () => {
      const isMuted = mute.getAttribute("aria-pressed") !== "true";
      mute.setAttribute("aria-pressed", String(isMuted));
      this.call?.mute(isMuted);
    });
    hang.addEventListener("click", () => this.call?.hangUp());
    this.parts.without.hidden = true;
    this.parts.live.hidden = false;
    this.show("idle", "");
  }

  begin() {
    if (this.call) return;
    // One microphone, one conversation.
    for (const other of panels) if (other !== this) other.call?.hangUp();
    this.parts.mute.setAttribute("aria-pressed", "false");
    this.parts.caption.textContent = "";
    this.time(0);
    this.call = new Call(this);
    this.call.run();
  }

  free() {
    this.call = undefined;
    this.level("you", 0);
    this.level("agent", 0);
  }

  /** Shows a state: `idle`, `asking`, `connecting`, `talking`, `ended`, `failed`. */
  show(state, words, { card = false, listed = false } = {}) {
    const before = this.root.dataset.state;
    const isBusy = ["asking", "connecting", "talking"].includes(state);
    const hadFocus = this.root.contains(document.activeElement);
    this.root.dataset.state = state;
    const { start, hang, mute, status, meters, time, caption } = this.parts;
    status.textContent = words;
    start.hidden = isBusy;
    hang.hidden = !isBusy;
    hang.querySelector("span").textContent = state === "talking" ? "Hang up" : "Cancel";
    for (const part of [mute, meters, time]) part.hidden = state !== "talking";
    caption.hidden = !isBusy && state !== "ended";
    this.parts.card.hidden = !card;
    this.parts.calls.hidden = !listed;
    // The button that was pressed has gone; the one that took its place is the next to press.
    if (hadFocus && before !== state) (isBusy ? hang : start).focus();
  }

  time(seconds) {
    this.parts.time.textContent = clock(seconds);
  }

  level(who, level) {
    const meter = this.parts[who];
    const before = Number(meter.dataset.level ?? 0);
    // Up at once, down slowly: as needles do.
    const now = Math.max(loudness(level), before * 0.85);
    meter.dataset.level = String(now);
    meter.setAttribute("aria-valuenow", String(Math.round(now * 100)));
    meter.firstElementChild.style.transform = `scaleX(${now.toFixed(3)})`;
  }

  caption(role, words) {
    this.parts.caption.textContent = `${role === "user" ? "You" : "Agent"}: ${words}`;
  }
}

const panels = [...document.querySelectorAll("[data-talk]")].map((root) => new Panel(root));
window.addEventListener("pagehide", () => panels.forEach((panel) => panel.call?.hangUp()));
