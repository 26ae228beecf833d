// What a request says of the cache by its Cache-Control, and answers that are out of date, as the official SDKs
// send and read them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { apis, ask } from './askers.mjs';
import {
  assertFromCache, assertFromUpstream, assertStale, failure, hits, mock, mortal, newPrompt, source, start, status,
  stop,
} from './cached.mjs';

before(start);
after(stop);

for (const api of apis) {
  for (const stream of [false, true]) {
    const what = stream ? 'a stream' : 'an answer';

    test(`${api.name}: with no-cache ${what} is asked for anew, and then that one is kept`, async () => {
      const prompt = await newPrompt(api, { stream });
      const first = await ask(api, prompt);
      const anew = await ask(api, { ...prompt, headers: { 'Cache-Control': 'no-cache' } });
      assertFromUpstream(anew);
      assert.notDeepEqual(anew.parts, first.parts);
      assertFromCache(await ask(api, prompt), anew);
      assert.equal(await hits(prompt), 2);
    });

    test(`${api.name}: with no-store ${what} is asked for, and not kept`, async () => {
      const prompt = await newPrompt(api, { stream });
      const first = await ask(api, prompt);
      assertFromUpstream(await ask(api, { ...prompt, headers: { 'Cache-Control': 'no-store' } }));
      assertFromCache(await ask(api, prompt), first);
      assert.equal(await hits(prompt), 2);
    });

    test(`${api.name}: with only-if-cached ${what} that is not there is one readable error`, async () => {
      const headers = { 'Cache-Control': 'only-if-cached' };
      const prompt = await newPrompt(api, { stream });
      for (const maxRetries of [0, undefined]) {
        const error = await failure(ask(api, { ...prompt, headers, maxRetries }));
        assert.ok(error instanceof api.error, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, 504);
        assert.match(error.message, /only-if-cached/);
        assert.equal(error.seen.requests, 1, `with maxRetries: ${maxRetries}`);
      }
      assert.equal(await hits(prompt), 0);
      const first = await ask(api, prompt);
      assertFromCache(await ask(api, { ...prompt, headers }), first);
    });

    test(`${api.name}: ${what} that is out of date is asked for, and given when the provider fails`, async () => {
      const faults = ['', 'status=503', 'reset', stream ? 'abort=0' : 'truncate=50%'];
      const asked = [];
      for (const fault of faults) {
        const prompt = await newPrompt(api, { kind: 'short-', stream });
        asked.push({ fault, prompt, first: await ask(api, prompt) });
      }
      await sleep(1100);
      for (const { fault, prompt, first } of asked) {
        await mock.plan(prompt.model, [['always', fault]]);
        const second = await ask(api, prompt);
        assert.equal(await hits(prompt), 2, `${fault}: the provider was asked`);
        if (fault === '') {
          assertFromUpstream(second);
          assert.match(status(second), /fwd=stale/);
          assert.notDeepEqual(second.parts, first.parts);
          assertFromCache(await ask(api, prompt), second);
        } else {
          assertStale(second, first);
        }
      }
    });
  }
}

test('openai chat: with only-if-cached nothing is asked for, whatever else bars the cache', async () => {
  const [chat] = apis;
  const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
  const barred = { more: { messages: [{ role: 'user', content: [image] }] } };
  for (const [wish, more] of [['only-if-cached', barred], ['only-if-cached, no-store', {}]]) {
    const prompt = await newPrompt(chat, { ...more, headers: { 'Cache-Control': wish } });
    const error = await ask(chat, prompt).catch((failed) => failed);
    assert.equal(await hits(prompt), 0, JSON.stringify(prompt));
    assert.equal(error.status, 504);
  }
});

test('openai chat: with max-stale an answer that is out of date is given at once', async () => {
  const [chat] = apis;
  const prompt = await newPrompt(chat, { kind: 'short-' });
  const first = await ask(chat, prompt);
  await sleep(1100);
  const old = await ask(chat, { ...prompt, headers: { 'Cache-Control': 'max-stale=600' } });
  assert.equal(source(old), 'cache');
  assert.match(status(old), /^outrigger; hit; ttl=-\d+/);
  assert.deepEqual(old.parts, first.parts);
  assert.equal(await hits(prompt), 1);
});

// RFC 9211 2.2: what is there is fresh, and this request wants more.
test('openai chat: the answer to no-cache says why the stored one was not given', async () => {
  const [chat] = apis;
  const prompt = await newPrompt(chat);
  await ask(chat, prompt);
  for (const wish of ['no-cache', 'max-age=0', 'min-fresh=86400']) {
    const anew = await ask(chat, { ...prompt, headers: { 'Cache-Control': wish } });
    assert.match(status(anew), /^outrigger; fwd=request; fwd-status=200/, `${wish}: ${status(anew)}`);
  }
});

test('openai chat: an answer that is out of date says how old it is, and what the provider said', async () => {
  const [chat] = apis;
  const prompt = await newPrompt(chat, { kind: 'short-' });
  await ask(chat, prompt);
  await sleep(1100);
  await mock.plan(prompt.model, [['always', 'status=503']]);
  const old = await ask(chat, prompt);
  assertStale(old, old);
  assert.match(old.head.get('age') ?? '', /^[1-9]$/);  // RFC 9111 4
  // RFC 9211 2.1, 2.3: no hit, since the provider was asked.
  assert.match(status(old), /^outrigger; fwd=stale; fwd-status=503/);
});

test('when the provider is gone every SDK still reads its old answers', async () => {
  const asked = [];
  for (const api of apis) {
    for (const stream of [false, true]) {
      const prompt = await newPrompt(api, { kind: 'mortal-', stream });
      asked.push({ api, prompt, first: await ask(api, prompt) });
    }
  }
  await sleep(1100);
  await mortal.stop();
  for (const { api, prompt, first } of asked) {
    assertStale(await ask(api, prompt), first);
    const other = await failure(ask(api, { ...prompt, more: { temperature: 0.5 } }));
    assert.match(other.message, /refused/i, 'what was never asked is an error');
  }
});
