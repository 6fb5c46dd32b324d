// What happens to sound, beside the page's own thread: the microphone's into frames for the call, the call's
// frames into the loudspeaker. Samples of the call are 16-bit and little-endian, as every browser's memory is.

const RANGE = 32768;
/** How much sound is waited for before it is played, in seconds: what a network may be late by. */
const LEAD = 0.08;
/** The most sound that is kept, in seconds: an agent's sentences may come faster than they are spoken. */
const MOST = 60;

/** The microphone, at the rate of the call, in frames of 20 milliseconds with their loudness. */
class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.step = sampleRate / rate;
    this.length = Math.round(rate / 50);
    this.begin();
    this.sum = 0;
    this.weight = 0;
  }

  begin() {
    this.frame = new Int16Array(this.length);
    this.filled = 0;
    this.power = 0;
  }

  process([input]) {
    for (const sample of input[0] ?? []) this.take(sample);
    return true;
  }

  /** A sample of the call is the mean of what falls into its time, so that high tones do not fold down. */
  take(sample) {
    for (let left = 1; left > 1e-9; ) {
      const part = Math.min(left, this.step - this.weight);
      this.sum += sample * part;
      this.weight += part;
      left -= part;
      if (this.weight < this.step - 1e-9) continue;
      this.put(this.sum / this.step);
      this.sum = 0;
      this.weight = 0;
    }
  }

  put(sample) {
    const whole = Math.max(-RANGE, Math.min(RANGE - 1, Math.round(sample * RANGE)));
    this.frame[this.filled++] = whole;
    this.power += sample * sample;
    if (this.filled < this.length) return;
    const level = Math.sqrt(this.power / this.length);
    this.port.postMessage({ frame: this.frame.buffer, level }, [this.frame.buffer]);
    this.begin();
  }
}

/** The call's sound, kept in a ring and played at the rate of the loudspeaker. */
class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.step = rate / sampleRate;
    this.lead = rate * LEAD;
    this.ring = new Float32Array(rate * MOST);
    // Positions count on for ever; the ring is the last stretch of them.
    this.written = 0;
    this.read = 0;
    this.waited = 0;
    this.isPlaying = false;
    this.power = 0;
    this.counted = 0;
    this.port.onmessage = ({ data }) => (data === null ? this.clear() : this.keep(new Int16Array(data)));
  }

  /** The other side was interrupted: what it has not said yet is not said. */
  clear() {
    this.read = this.written;
    this.isPlaying = false;
  }

  keep(samples) {
    for (const sample of samples) this.ring[this.written++ % this.ring.length] = sample / RANGE;
    this.read = Math.max(this.read, this.written - this.ring.length);
  }

  process(_, [[channel]]) {
    const ahead = this.written - this.read;
    if (!this.isPlaying && ahead >= 1) {
      // The end of a sentence may be shorter than the lead, and is played all the same.
      this.waited += channel.length * this.step;
      this.isPlaying = ahead >= this.lead || this.waited >= this.lead;
    }
    for (let at = 0; at < channel.length && this.isPlaying; at++) {
      channel[at] = this.next();
      this.power += channel[at] * channel[at];
    }
    this.counted += channel.length;
    if (this.counted >= sampleRate / 25) {
      const level = Math.sqrt(this.power / this.counted);
      this.port.postMessage({ level, isPlaying: this.isPlaying || this.written - this.read >= 1 });
      this.power = 0;
      this.counted = 0;
    }
    return true;
  }

  next() {
    const whole = Math.floor(this.read);
    if (whole >= this.written) {
      this.isPlaying = false;
      this.waited = 0;
      this.read = this.written;
      return 0;
    }
    const here = this.ring[whole % this.ring.length];
    const there = whole + 1 < this.written ? this.ring[(whole + 1) % this.ring.length] : here;
    const sample = here + (there - here) * (this.read - whole);
    this.read += this.step;
    return sample;
  }
}

registerProcessor("talk-capture", Capture);
registerProcessor("talk-playback", Playback);
