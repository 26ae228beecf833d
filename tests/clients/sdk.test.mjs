// The official SDKs through the proxy in base URL mode: calls, streams, and errors that they raise as their
// own exceptions.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Provider } from './provider.mjs';
import { Proxy, freePort } from './proxy.mjs';
import { stripe } from './sdks.mjs';

let provider;
let proxy;
const messages = [{ role: 'user', content: 'hello' }];

before(async () => {
  provider = await new Provider().start();
  const dead = await freePort();
  proxy = await new Proxy().start([
    `openai: {use: openai, url: "${provider.url}"}`,
    `anthropic: {use: anthropic, url: "${provider.url}"}`,
    `stripe: {use: stripe, url: "${provider.url}"}`,
    `down-openai: {use: openai, url: "http://127.0.0.1:${dead}"}`,
    `down-anthropic: {use: anthropic, url: "http://127.0.0.1:${dead}"}`,
  ]);
});

after(async () => {
  provider.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
});

const openai = (name = 'openai', options = {}) =>
  new OpenAI({ apiKey: 'sk-test', baseURL: `${proxy.url}/${name}/v1`, ...options });
const anthropic = (name = 'anthropic', options = {}) =>
  new Anthropic({ apiKey: 'sk-ant-test', baseURL: `${proxy.url}/${name}`, ...options });

test('openai: a call passes with its key', async () => {
  const answer = await openai().chat.completions.create({ model: 'gpt-test', messages });
  assert.equal(answer.choices[0].message.content, '5 characters');
  assert.equal(provider.requests.at(-1).headers.authorization, 'Bearer sk-test');
  assert.equal(provider.requests.at(-1).url, '/v1/chat/completions');
});

test('openai: models are listed', async () => {
  const models = await openai().models.list();
  assert.deepEqual(models.data.map((model) => model.id), ['gpt-test']);
});

test('openai: the request id of the provider is still its own', async () => {
  const { data, response } = await openai().chat.completions
    .create({ model: 'gpt-test', messages }).withResponse();
  assert.equal(data._request_id, 'req_provider');
  assert.match(response.headers.get('outrigger-request-id'), /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(response.headers.get('outrigger-source'), 'upstream');
});

test('openai: a stream is complete', async () => {
  const stream = await openai().chat.completions.create({ model: 'gpt-test', messages, stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0].delta.content ?? '';
  assert.equal(text, 'Hello there');
});

test('openai: each event of a stream arrives before the next is sent', async () => {
  const stream = await openai().chat.completions.create({ model: 'gated', messages, stream: true });
  let events = 0;
  for await (const chunk of stream) {
    ++events;
    assert.ok(chunk.id);
    provider.letThrough();
  }
  provider.letThrough();
  assert.equal(events, 4);
});

test('openai: a stream that breaks off raises', async () => {
  const stream = await openai().chat.completions.create({ model: 'dies', messages, stream: true });
  await assert.rejects(async () => { for await (const chunk of stream) assert.ok(chunk); });
});

test('openai: the provider errors raise their own types', async () => {
  const client = openai('openai', { maxRetries: 0 });
  const failing = (status) => client.chat.completions.create({ model: `status-${status}`, messages });
  await assert.rejects(failing(400), OpenAI.BadRequestError);
  await assert.rejects(failing(401), OpenAI.AuthenticationError);
  await assert.rejects(failing(429), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.match(error.message, /the provider says no/);
    assert.equal(error.code, 'no');
    return true;
  });
  await assert.rejects(failing(503), OpenAI.InternalServerError);
});

test('openai: an upstream that is down raises a readable error, once', async () => {
  const before = await proxy.requestsTo('down-openai');
  await assert.rejects(openai('down-openai').chat.completions.create({ model: 'm', messages }), (error) => {
    assert.ok(error instanceof OpenAI.APIError, error.constructor.name);
    assert.equal(error.status, 502);
    assert.equal(error.code, 'connection_refused');
    assert.match(error.message, /refused/i);
    assert.ok(error.headers.get('proxy-status').startsWith('outrigger; error=connection_refused'));
    assert.equal(error.headers.get('outrigger-source'), 'proxy');
    return true;
  });
  assert.equal(await proxy.requestsTo('down-openai') - before, 1, 'the SDK does not retry');
});

test('openai: a base URL without its version raises and names the right one', async () => {
  const client = openai('openai', { baseURL: `${proxy.url}/openai` });
  await assert.rejects(client.chat.completions.create({ model: 'm', messages }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, /\/openai\/v1/);
    return true;
  });
});

test('openai: a request of 8 MiB passes', async () => {
  const content = 'x'.repeat(8 << 20);
  const answer = await openai().chat.completions
    .create({ model: 'gpt-test', messages: [{ role: 'user', content }] });
  assert.equal(answer.choices[0].message.content, `${content.length} characters`);
});

test('openai: fifty calls at once', async () => {
  const client = openai();
  const calls = Array.from({ length: 50 }, () => client.chat.completions.create({ model: 'm', messages }));
  for (const answer of await Promise.all(calls)) assert.equal(answer.object, 'chat.completion');
});

test('openai: an aborted stream closes the upstream call', async () => {
  const stream = await openai().chat.completions.create({ model: 'gated', messages, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk);
    break;  // the SDK aborts the request
  }
  provider.letThrough();
  const answer = await openai().chat.completions.create({ model: 'gpt-test', messages });
  assert.ok(answer.id);
});

test('anthropic: a call passes', async () => {
  const answer = await anthropic().messages.create({ model: 'claude-test', max_tokens: 10, messages });
  assert.equal(answer.content[0].text, '5 characters');
  assert.equal(provider.requests.at(-1).url, '/v1/messages');
});

test('anthropic: a stream is complete', async () => {
  const stream = anthropic().messages.stream({ model: 'claude-test', max_tokens: 10, messages });
  const final = await stream.finalMessage();
  assert.equal(final.content[0].text, 'Hello there');
  assert.equal(final.stop_reason, 'end_turn');
});

test('anthropic: a stream that breaks off raises', async () => {
  const stream = anthropic().messages.stream({ model: 'dies', max_tokens: 10, messages });
  await assert.rejects(stream.finalMessage());
});

test('anthropic: the provider errors raise their own types', async () => {
  const client = anthropic('anthropic', { maxRetries: 0 });
  const failing = (status) => client.messages.create({ model: `status-${status}`, max_tokens: 1, messages });
  await assert.rejects(failing(429), Anthropic.RateLimitError);
  await assert.rejects(failing(529), (error) => {
    assert.ok(error instanceof Anthropic.APIError);
    assert.equal(error.status, 529);
    assert.equal(error.error.error.type, 'overloaded_error');
    return true;
  });
});

test('anthropic: an upstream that is down raises a readable error, once', async () => {
  const before = await proxy.requestsTo('down-anthropic');
  const call = anthropic('down-anthropic').messages.create({ model: 'm', max_tokens: 1, messages });
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof Anthropic.APIError, error.constructor.name);
    assert.equal(error.status, 502);
    assert.equal(error.error.type, 'error');
    assert.match(error.error.error.message, /refused/i);
    return true;
  });
  assert.equal(await proxy.requestsTo('down-anthropic') - before, 1, 'the SDK does not retry');
});

test('stripe: a write passes with all that its SDK says of it', async () => {
  await stripe.ask({ base: `${proxy.url}/stripe`, key: 'key', headers: { 'X-Test': 'ours' } });
  const { headers, text } = provider.requests.at(-1);
  assert.equal(headers.authorization, 'Bearer sk_test_key');
  assert.equal(headers['content-type'], 'application/x-www-form-urlencoded');
  assert.match(headers['stripe-version'], /^\d{4}-\d{2}-\d{2}/);
  assert.match(headers['user-agent'], /^Stripe\/v1 NodeBindings/);
  assert.match(headers['idempotency-key'], /^stripe-node-retry-/);
  assert.equal(headers['x-test'], 'ours');
  assert.equal(text, 'email=a%40example.com');
});
