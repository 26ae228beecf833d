// The official SDKs with an idempotency key: what is asked twice is executed once, and both callers parse the
// same answer, whole or streamed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import Stripe from 'stripe';
import { Mock } from './mock.mjs';
import { Proxy } from './proxy.mjs';

const messages = [{ role: 'user', content: 'hello' }];
let mock;
let proxy;
let calls = 0;

before(async () => {
  mock = await new Mock().start();
  proxy = await new Proxy().start(['openai', 'anthropic', 'stripe'].map((profile) =>
    `${profile}: {use: ${profile}, url: "${mock.url}", idempotency: {}, circuit_breaker: none, ` +
    'retry: {max_attempts: 2, budget: none, backoff: {base: 1ms, max: 5ms}}}'));
});

after(async () => {
  await mock.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
});

// Its option idempotencyKey is of no effect until the client is told a header for it; that of Anthropic's
// library is never sent.
const openai = {
  name: 'openai',
  errors: OpenAI,
  ways: ['idempotencyKey', 'headers'],
  client() {
    const client = new OpenAI({ apiKey: 'sk-key', baseURL: `${proxy.url}/openai/v1` });
    client.idempotencyHeader = 'Idempotency-Key';
    return client;
  },
  ask(key, options, more = {}) {
    return this.client().chat.completions.create({ model: key, messages, ...more }, options).withResponse();
  },
};
const anthropic = {
  name: 'anthropic',
  errors: Anthropic,
  ways: ['headers'],
  client: () => new Anthropic({ apiKey: 'sk-ant-key', baseURL: `${proxy.url}/anthropic` }),
  ask(key, options, more = {}) {
    const body = { model: key, max_tokens: 9, messages, ...more };
    return this.client().messages.create(body, options).withResponse();
  },
};

const newKey = () => `call-${++calls}`;
const options = (key, how) => (how === 'idempotencyKey'
  ? { idempotencyKey: key, headers: { 'Mock-Key': key } }
  : { headers: { 'Idempotency-Key': key, 'Mock-Key': key } });
const hits = async (key) => (await mock.hits(key)).length;
const isReplayed = (response) => response.headers.get('idempotent-replayed') === 'true';

async function events(call) {
  const { data, response } = await call;
  const all = [];
  for await (const event of data) all.push(event);
  return { all, response };
}

for (const sdk of [openai, anthropic]) {
  for (const how of sdk.ways) {
    test(`${sdk.name}: the same ${how} twice is one call and one answer`, async () => {
      const key = newKey();
      const first = await sdk.ask(key, options(key, how));
      const second = await sdk.ask(key, options(key, how));
      assert.deepEqual(second.data, first.data);
      assert.equal(isReplayed(first.response), false);
      assert.equal(isReplayed(second.response), true);
      assert.equal(await hits(key), 1);
    });

    test(`${sdk.name}: the same ${how} twice is one stream`, async () => {
      const key = newKey();
      const first = await events(sdk.ask(key, options(key, how), { stream: true }));
      const second = await events(sdk.ask(key, options(key, how), { stream: true }));
      assert.ok(first.all.length > 3);
      assert.deepEqual(second.all, first.all);
      assert.equal(isReplayed(second.response), true);
      assert.equal(await hits(key), 1);
    });
  }

  test(`${sdk.name}: two at once share one stream`, async () => {
    const key = newKey();
    await mock.plan(key, [['always', 'delay=100ms']]);
    const both = await Promise.all([1, 2].map(() =>
      events(sdk.ask(key, options(key, 'headers'), { stream: true }))));
    assert.deepEqual(both[0].all, both[1].all);
    assert.equal(both.filter(({ response }) => isReplayed(response)).length, 1);
    assert.equal(await hits(key), 1);
  });

  test(`${sdk.name}: a key with another question is an error that is not repeated`, async () => {
    const key = newKey();
    await sdk.ask(key, options(key, 'headers'));
    const asked = await proxy.requestsTo(sdk.name);
    const error = await sdk.ask(key, options(key, 'headers'), { temperature: 0.5 })
      .then(() => assert.fail('it succeeded'), (failure) => failure);
    assert.ok(error instanceof sdk.errors.UnprocessableEntityError, error.constructor.name);
    assert.match(error.message, /idempotency key/);
    assert.equal(await proxy.requestsTo(sdk.name), asked + 1, 'the SDK asks once');
    assert.equal(await hits(key), 1);
  });

  test(`${sdk.name}: what failed is executed again`, async () => {
    const key = newKey();
    await mock.plan(key, [[2, 'status=500']]);
    const error = await sdk.ask(key, options(key, 'headers'))
      .then(() => assert.fail('it succeeded'), (failure) => failure);
    assert.ok(error instanceof sdk.errors.InternalServerError, error.constructor.name);
    const { data, response } = await sdk.ask(key, options(key, 'headers'));
    assert.ok(data.id);
    assert.equal(isReplayed(response), false);
    assert.equal(await hits(key), 3, 'two attempts, and a new execution');
  });

  test(`${sdk.name}: a 400 is the same 400 again, without a call`, async () => {
    const key = newKey();
    await mock.plan(key, [['always', 'status=400']]);
    for (let i = 0; i < 2; ++i) {
      const error = await sdk.ask(key, options(key, 'headers'))
        .then(() => assert.fail('it succeeded'), (failure) => failure);
      assert.ok(error instanceof sdk.errors.BadRequestError, error.constructor.name);
      assert.match(error.message, /told to answer 400/);
    }
    assert.equal(await hits(key), 1);
  });
}

test('stripe: the same idempotencyKey twice is one customer', async () => {
  const key = newKey();
  const withPrefix = (url, init) => {
    const { pathname, search } = new URL(url);
    const headers = [...new Headers(init.headers), ['Mock-Key', key]];
    return fetch(`${proxy.url}/stripe${pathname}${search}`, { ...init, headers });
  };
  const stripe = new Stripe('sk_test_key', {
    httpClient: Stripe.createFetchHttpClient(withPrefix), maxNetworkRetries: 2, telemetry: false,
  });
  const create = () => stripe.customers.create({ email: 'a@example.com' }, { idempotencyKey: key });
  const first = await create();
  const second = await create();
  assert.equal(second.id, first.id);
  const sent = await mock.hits(key);
  assert.equal(sent.length, 1);
  assert.equal(sent[0].idempotency_key, key);
});
