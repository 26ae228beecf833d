// Agents that hold no key: the SDKs insist on some text, and the proxy puts its own keys in the place of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Provider, keyOf } from './provider.mjs';
import { Proxy } from './proxy.mjs';

const keys = { dead: 'sk-test-dead-000000000001', poor: 'sk-test-poor-000000000002', good: 'sk-test-good-000000000003' };
const messages = [{ role: 'user', content: 'hello' }];
let provider;
let proxy;

before(async () => {
  provider = await new Provider().start();
  provider.refusals.set(keys.dead, [401, { message: 'wrong key', type: 'invalid_request_error', code: 'invalid_api_key' }]);
  provider.refusals.set(keys.poor, [429, { message: 'no money', type: 'insufficient_quota', code: 'insufficient_quota' }]);
  provider.refusals.set('unused', [401, { message: 'the key of an agent came through' }]);
  for (const [name, key] of Object.entries(keys)) process.env[`TEST_KEY_${name.toUpperCase()}`] = key;
  const pool = (...names) => `credentials: {keys: [${names.map((name) => `"\${TEST_KEY_${name}}"`).join(', ')}]}`;
  proxy = await new Proxy().start([
    `openai: {use: openai, url: "${provider.url}", ${pool('DEAD', 'POOR', 'GOOD')}}`,
    `anthropic: {use: anthropic, url: "${provider.url}", ${pool('GOOD')}}`,
    `lost: {use: openai, url: "${provider.url}", loop_guard: none, ${pool('DEAD')}}`,
  ]);
});

after(async () => {
  provider.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
});

const openai = (name = 'openai') => new OpenAI({ apiKey: 'unused', baseURL: `${proxy.url}/${name}/v1` });
const used = () => provider.requests.map((request) => keyOf(request.headers));

test('openai: the first call finds the key that works, and the next ones take it', async () => {
  for (let i = 0; i < 3; ++i) {
    const answer = await openai().chat.completions.create({ model: 'gpt-test', messages });
    assert.equal(answer.choices[0].message.content, '5 characters');
  }
  assert.deepEqual(used(), [keys.dead, keys.poor, keys.good, keys.good, keys.good]);
});

test('openai: a stream comes with the key that works', async () => {
  const stream = await openai().chat.completions.create({ model: 'gpt-test', messages, stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  assert.equal(text, 'Hello there');
  assert.equal(used().at(-1), keys.good);
});

test('anthropic: the key goes into the header that the provider reads', async () => {
  const client = new Anthropic({ apiKey: 'unused', baseURL: `${proxy.url}/anthropic` });
  await client.messages.create({ model: 'claude-test', max_tokens: 10, messages });
  const { headers } = provider.requests.at(-1);
  assert.equal(headers['x-api-key'], keys.good);
  assert.equal(headers.authorization, undefined);
});

test('openai: with no key left the SDK says so once, and the provider is not asked', async () => {
  await assert.rejects(openai('lost').chat.completions.create({ model: 'gpt-test', messages }),
    OpenAI.AuthenticationError);
  const before = provider.requests.length;
  await assert.rejects(openai('lost').chat.completions.create({ model: 'gpt-test', messages }), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError, `${error}`);
    assert.equal(error.status, 502);
    assert.equal(error.code, 'credentials_exhausted');
    assert.match(error.message, /1 refused \(auth\)/);
    return true;
  });
  assert.equal(provider.requests.length, before);
});

test('no key is in any log', () => {
  const all = proxy.stderr() + JSON.stringify(proxy.accessLog());
  for (const key of Object.values(keys)) assert.ok(!all.includes(key), key);
  assert.match(proxy.stderr(), /a key is set aside/);
});
