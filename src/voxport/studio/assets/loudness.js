/** Brings clips to one loudness, measured by ITU-R BS.1770-4, so that a blind test compares voices and not levels. */

const RATE = 48_000; // the standard gives its filters for this rate
/** The high shelf of a head and the high pass below it: [feed forward, feedback], BS.1770-4 tables 1 and 2. */
const FILTERS = [
  [
    [1.53512485958697, -2.69169618940638, 1.19839281085285],
    [1, -1.69065929318241, 0.73248077421585],
  ],
  [
    [1, -2, 1],
    [1, -1.99004745483398, 0.99007225036621],
  ],
];
const HOP = RATE / 10; // blocks of 400 ms overlap by three quarters
const BLOCK_HOPS = 4;
const ABSOLUTE_GATE = 10 ** ((-70 + 0.691) / 10);
const RELATIVE_GATE = 0.1;

/**
 * Decode clips, ArrayBuffers of audio files, and return for each its AudioBuffer and the gain, at most 1, that makes it as
 * loud as the softest of them. A clip of silence keeps its level.
 */
export async function matched(files) {
  const decoder = new OfflineAudioContext(1, 1, RATE);
  const buffers = await Promise.all(files.map((file) => decoder.decodeAudioData(file)));
  const levels = await Promise.all(buffers.map(loudness));
  const softest = Math.min(...levels.filter(Number.isFinite));
  return buffers.map((buffer, index) => ({
    buffer,
    gain: Number.isFinite(levels[index]) ? Math.min(1, 10 ** ((softest - levels[index]) / 20)) : 1,
  }));
}

/** Return the loudness of an AudioBuffer of 48 kHz in LUFS, by its first channel; -Infinity of silence. */
export async function loudness(buffer) {
  const context = new OfflineAudioContext(1, buffer.length, RATE);
  const source = new AudioBufferSourceNode(context, { buffer });
  let end = source;
  for (const [feedforward, feedback] of FILTERS) end = end.connect(new IIRFilterNode(context, { feedforward, feedback }));
  end.connect(context.destination);
  source.start();
  const samples = (await context.startRendering()).getChannelData(0);
  const hops = [];
  for (let start = 0; start + HOP <= samples.length; start += HOP) {
    let sum = 0;
    for (let index = start; index < start + HOP; index++) sum += samples[index] ** 2;
    hops.push(sum / HOP);
  }
  const blocks = [];
  for (let index = 0; index + BLOCK_HOPS <= hops.length; index++) blocks.push(mean(hops.slice(index, index + BLOCK_HOPS)));
  const audible = blocks.filter((energy) => energy > ABSOLUTE_GATE);
  const gate = mean(audible) * RELATIVE_GATE;
  return -0.691 + 10 * Math.log10(mean(audible.filter((energy) => energy > gate)));
}

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0);
