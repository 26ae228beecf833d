// What the tests of the cache share: a proxy whose upstreams keep answers in several ways, prompts that nobody
// has asked yet, and what an answer says of where it comes from.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallingModels } from './calling.mjs';
import { Mock } from './mock.mjs';
import { Proxy } from './proxy.mjs';

const profiles = ['openai', 'anthropic', 'gemini'];
export let mock;
export let mortal;  // a mock that goes away
export let models;  // that call tools
let proxy;
let prompts = 0;

export async function start() {
  [mock, mortal, models] = await Promise.all([
    new Mock().start(), new Mock().start(), new CallingModels().start()]);
  const routes = (kind, { url }, cache, more = '') => profiles.map((profile) =>
    `${kind}${profile}: {use: ${profile}, url: "${url}", cache: ${cache}, retry: none, ` +
    `circuit_breaker: none${more}}`);
  proxy = await new Proxy().start([
    ...routes('', mock, '{}'),
    ...routes('recorded-', mock, '{streams: recorded}'),
    ...routes('small-', mock, '{max_answer: 64KiB}'),
    ...routes('short-', mock, '{ttl: 1s, stale: 1h}', ', fallback: [{stale: 1h}]'),
    ...routes('mortal-', mortal, '{ttl: 1s, stale: 1h}', ', fallback: [{stale: 1h}]'),
    ...routes('second-', mock, '{}', ', fallback: [{model: another}]'),
    ...routes('calls-', mock, '{tool_calls: true}'),
    ...routes('calling-', models, '{}'),
    ...routes('calls-calling-', models, '{tool_calls: true}'),
  ]);
}

export async function stop() {
  await Promise.all([mock.stop(), mortal.stop()]);
  models.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
}

// A prompt that nobody has asked yet. `steps`: what its askers meet upstream.
export async function newPrompt(api, { kind = '', steps = [['always', '']], ...more } = {}) {
  const model = `cached-${++prompts}`;
  if (!kind.includes('calling')) await (kind === 'mortal-' ? mortal : mock).plan(model, steps);
  const base = `${proxy.url}/${kind}${api.upstream}`;
  return { model, base, credential: 'sk-one', maxRetries: 0, ...more };
}

export const hits = async ({ model }) => (await mock.hits(model)).length;

// The provider has answered all who asked it.
export async function allOver({ model }) {
  const isOpen = (hit) => hit.outcome === 'open';
  for (let tries = 0; tries < 100 && (await mock.hits(model)).some(isOpen); ++tries) await sleep(50);
  await sleep(100);
}

export async function failure(promise) {
  return promise.then(() => assert.fail('it succeeded'), (error) => error);
}

// Until `of` parts have come, a promise; `ask(api, {...call, onPart})` tells it.
export function partsOf(of) {
  const watch = {};
  watch.came = new Promise((resolve) => { watch.onPart = (parts) => { if (parts === of) resolve(); }; });
  return watch;
}

export const source = ({ head }) => head.get('outrigger-source');
export const status = ({ head }) => head.get('cache-status') ?? '';

export function assertFromUpstream(answer) {
  assert.equal(source(answer), 'upstream');
  assert.match(status(answer), /^outrigger; fwd=/);
}

// `answer` is `first` once more.
export function assertFromCache(answer, first) {
  assert.equal(source(answer), 'cache');
  assert.match(status(answer), /^outrigger; hit; ttl=\d+(; key=|$)/);
  assert.match(answer.head.get('age'), /^\d+$/);
  assert.deepEqual(answer.parts, first.parts);
}

// `answer` is `first` once more, for want of a better one.
export function assertStale(answer, first) {
  assert.deepEqual(answer.parts, first.parts);
  assert.equal(source(answer), 'cache');
  assert.equal(answer.head.get('outrigger-degraded'), 'true');
}
