// The official SDKs, their own retries left on, through the proxy to an upstream that fails: what the caller
// sees, and how often the upstream was asked.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Mock } from './mock.mjs';
import { Proxy } from './proxy.mjs';
import { anthropic, gemini, openai, responses, stripe } from './sdks.mjs';

const attempts = 3;
const models = [openai, responses, anthropic, gemini];
const all = [...models, stripe];
const always = (fault) => [['always', fault]];
const healthy = always('');
const soon = 'retry-after-ms=5ms';
let mock;
let proxy;
let calls = 0;

before(async () => {
  mock = await new Mock().start();
  const waits = '{base: 1ms, max: 5ms}';
  const upstream = (name, profile, more = '', retry = '') =>
    `${name}: {use: ${profile}, url: "${mock.url}", retry: {max_attempts: ${attempts}, budget: none, ` +
    `backoff: ${waits}, backoff_for: {overloaded: ${waits}}${retry}}${more}}`;
  const alone = ', circuit_breaker: none';  // so that no test hears of another
  const sick = `, circuit_breaker: {failures_in_a_row: ${attempts}, open: {first: 10m, max: 10m}}`;
  const hasty = ', timeouts: {headers: 250ms, first_event: 250ms, gap: 250ms}';
  proxy = await new Proxy().start(['openai', 'anthropic', 'gemini', 'stripe'].flatMap((profile) => [
    upstream(profile, profile, alone),
    upstream(`hasty-${profile}`, profile, alone + hasty),
    upstream(`sick-${profile}`, profile, sick),
    upstream(`final-${profile}`, profile, alone, ', give_up_status: 424'),
  ]));
});

after(async () => {
  await mock.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
});

// A call of its own key and model, so that no breaker and no quota of another test touches it.
async function plan(sdk, steps, { kind = '', key = `call-${++calls}`, ...more } = {}) {
  await mock.plan(key, steps);
  const upstream = sdk.upstream ?? sdk.name;
  return { base: `${proxy.url}/${kind}${upstream}`, key, headers: { 'Mock-Key': key }, ...more };
}

const hits = async (call) => (await mock.hits(call.key)).length;

async function failure(promise) {
  return promise.then((value) => assert.fail(`it succeeded: ${value}`), (error) => error);
}

// The pieces up to the end, and what ended them.
async function readAll(stream) {
  let text = '';
  try {
    for await (const piece of stream) text += piece;
  } catch (error) {
    return { text, error };
  }
  return { text };
}

let whole;  // what a stream says when all is well

for (const sdk of all) {
  test(`${sdk.name}: a healthy call is sent once`, async () => {
    const call = await plan(sdk, healthy);
    assert.ok(await sdk.ask(call));
    assert.equal(await hits(call), 1);
  });

  // What nothing but a model's answer is read for, and what Stripe keeps under the call's key.
  const inBodies = sdk === stripe ? [] : ['status=500', 'malformed', 'html', 'empty', 'truncate=50%'];
  for (const fault of [`status=${sdk.overloaded};${soon}`, `status=429;${soon}`, 'reset', 'close', 'junk',
    'half-head', ...inBodies]) {
    test(`${sdk.name}: after ${fault}, twice, the caller sees a success`, async () => {
      const call = await plan(sdk, [[2, fault]]);
      assert.ok(await sdk.ask(call));
      assert.equal(await hits(call), 3);
    });
  }

  test(`${sdk.name}: after an upstream that never answered the caller sees a success`, async () => {
    const call = await plan(sdk, [[1, 'hang']], { kind: 'hasty-' });
    assert.ok(await sdk.ask(call));
    assert.equal(await hits(call), 2);
  });

  const errorOf = { [`status=${sdk.overloaded};${soon}`]: sdk.overloaded, [`status=429;${soon}`]: 429 };
  for (const fault of [...Object.keys(errorOf), 'reset', ...inBodies]) {
    test(`${sdk.name}: of ${fault} without end the caller sees one error, and the SDK repeats nothing`, async () => {
      const call = await plan(sdk, always(fault));
      const error = await failure(sdk.ask(call));
      const type = sdk.errors[errorOf[fault] ?? 'any'];
      assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
      if (sdk.field) assert.equal(sdk.field(error, 'x-should-retry'), 'false');
      assert.ok(error.message.length > 10, error.message);
      assert.equal(await hits(call), attempts);
    });
  }

  test(`${sdk.name}: an upstream that never answers is a readable error`, async () => {
    const call = await plan(sdk, always('hang'), { kind: 'hasty-' });
    const error = await failure(sdk.ask(call));
    assert.ok(error instanceof sdk.errors.any, error.constructor.name);
    assert.match(error.message, /time/i);
    assert.equal(await hits(call), attempts);
  });

  for (const status of [400, 401]) {
    test(`${sdk.name}: ${status} is not repeated and keeps its type, its words and its id`, async () => {
      const call = await plan(sdk, always(`status=${status}`));
      const error = await failure(sdk.ask(call));
      assert.ok(error instanceof sdk.errors[status], `${error.constructor.name}: ${error.message}`);
      assert.match(error.message, new RegExp(`told to answer ${status}`));
      if (sdk.id) assert.match(sdk.id(error), /^req_/);
      assert.equal(await hits(call), 1);
    });
  }

  test(`${sdk.name}: an error that outlasts the retries keeps its words and its id`, async () => {
    const call = await plan(sdk, always(`status=${sdk.overloaded}`));
    const error = await failure(sdk.ask(call));
    assert.match(error.message, new RegExp(`told to answer ${sdk.overloaded}`));
    if (sdk.id) assert.match(sdk.id(error), /^req_/);
  });

  test(`${sdk.name}: an open breaker is a readable error, and the upstream is left alone`, async () => {
    const call = await plan(sdk, always(`status=${sdk.overloaded};${soon}`), { kind: 'sick-' });
    await failure(sdk.ask(call));
    assert.equal(await hits(call), attempts);
    const error = await failure(sdk.ask(call));
    assert.ok(error instanceof sdk.errors[503], `${error.constructor.name}: ${error.message}`);
    assert.match(error.message, /circuit/i);
    assert.equal(await hits(call), attempts, 'nothing more was sent');
  });
}

for (const sdk of models) {
  test(`${sdk.name}: a healthy stream is whole`, async () => {
    const { text, error } = await readAll(sdk.read(await plan(sdk, healthy)));
    assert.equal(error, undefined);
    assert.ok(text.length > 10, text);
    whole ??= text;
    assert.equal(text, whole);
  });

  for (const fault of [`status=${sdk.overloaded};${soon}`, 'reset', 'abort=0', 'break=0', 'cut=0', 'empty',
    'html', 'error-event=overloaded_error@0']) {
    test(`${sdk.name}: a stream that ends in ${fault} before its first token is made whole`, async () => {
      const call = await plan(sdk, [[2, fault]]);
      const { text, error } = await readAll(sdk.read(call));
      assert.equal(error, undefined);
      assert.equal(text, whole);
      assert.equal(await hits(call), 3);
    });
  }

  test(`${sdk.name}: a stream that is silent before its first token is made whole`, async () => {
    const call = await plan(sdk, [[1, 'stall=0']], { kind: 'hasty-' });
    const { text, error } = await readAll(sdk.read(call));
    assert.equal(error, undefined);
    assert.equal(text, whole);
    assert.equal(await hits(call), 2);
  });

  for (const [fault, kind] of [['abort=2', ''], ['break=2', ''], ['cut=2', ''], ['no-terminator', ''],
    ['error-event=overloaded_error@2', ''], ['stall=2', 'hasty-']]) {
    test(`${sdk.name}: a stream that ends in ${fault} after its first token throws`, async () => {
      const call = await plan(sdk, always(fault), { kind });
      const { text, error } = await readAll(sdk.read(call));
      assert.ok(error instanceof Error, `a clean end after ${JSON.stringify(text)}`);
      assert.ok(text.length > 0 && whole.startsWith(text), text);
      assert.equal(await hits(call), 1);
    });
  }

  test(`${sdk.name}: of streams that never begin the caller sees one error`, async () => {
    const call = await plan(sdk, always('abort=0'));
    const { text, error } = await readAll(sdk.read(call));
    assert.equal(text, '');
    assert.ok(error instanceof sdk.errors.any, error?.constructor.name);
    assert.equal(await hits(call), attempts);
  });
}

for (const sdk of [openai, responses]) {
  test(`${sdk.name}: an empty purse is asked once, and then not for a while`, async () => {
    const call = await plan(sdk, always('status=429;code=insufficient_quota'));
    const error = await failure(sdk.ask(call));
    assert.ok(error instanceof sdk.errors[429], error.constructor.name);
    assert.equal(error.code, 'insufficient_quota');
    assert.equal(await hits(call), 1);
  });
}

test('gemini: retries that its SDK was told to make end with the status that stops them', async () => {
  const call = await plan(gemini, always('status=503'), { kind: 'final-', retryOptions: { attempts: 3 } });
  const error = await failure(gemini.ask(call));
  assert.ok(error instanceof gemini.errors.any, error.constructor.name);
  assert.equal(error.status, 424);
  assert.equal(await hits(call), attempts);
});

test('stripe: a write has one key and one body over all attempts: a lost success is found', async () => {
  const call = await plan(stripe, [[1, `status=503;${soon}`], [1, 'reset']]);
  assert.equal(await stripe.ask(call), 'customer');
  const sent = await mock.hits(call.key);
  assert.equal(sent.length, 3);
  assert.ok(sent[0].idempotency_key.length > 10);
  assert.equal(new Set(sent.map((hit) => hit.idempotency_key)).size, 1);
  assert.equal(new Set(sent.map((hit) => hit.body_hash)).size, 1);
});

test('stripe: an error that is kept under the key of the call is not asked for a third time', async () => {
  const call = await plan(stripe, always('status=500'));
  const error = await failure(stripe.ask(call));
  assert.ok(error instanceof stripe.errors[503], error.constructor.name);
  assert.match(error.message, /told to answer 500/);
  assert.equal(await hits(call), 2);
});

test('stripe: an answer that breaks off is no success', async () => {
  const call = await plan(stripe, always('truncate=50%'));
  assert.ok(await failure(stripe.ask(call)) instanceof Error);
});

test('stripe: a declined card is the card\'s fault, and asked once', async () => {
  const call = await plan(stripe, always('status=402'));
  const error = await failure(stripe.ask(call));
  assert.equal(error.type, 'StripeCardError');
  assert.equal(error.code, 'card_declined');
  assert.equal(await hits(call), 1);
});
