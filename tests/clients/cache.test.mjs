// Answers from the cache, as the official SDKs read them: whatever they parse, whole or event by event, is
// what the first asker got, and the provider was asked once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { apis, ask, openaiClient, options } from './askers.mjs';
import {
  allOver, assertFromCache, assertFromUpstream, failure, hits, mock, models, newPrompt, partsOf, source, start,
  status, stop,
} from './cached.mjs';

before(start);
after(stop);

// ---- asked again ----

for (const api of apis) {
  for (const stream of [false, true]) {
    const what = stream ? 'a stream' : 'an answer';

    test(`${api.name}: ${what} that was paid for is given again, equal in every part`, async () => {
      const prompt = await newPrompt(api, { stream });
      const first = await ask(api, prompt);
      assertFromUpstream(first);
      assert.match(status(first), /^outrigger; fwd=miss; fwd-status=200/);
      assert.ok(!stream || first.parts.length > 4, `${first.parts.length} parts`);
      for (let i = 0; i < 2; ++i) assertFromCache(await ask(api, prompt), first);
      assert.equal(await hits(prompt), 1);
    });

    test(`${api.name}: ${what} is not that of another prompt, of another key, or of another shape`, async () => {
      const prompt = await newPrompt(api, { stream });
      const first = await ask(api, prompt);
      const others = [{ more: { temperature: 0.5 } }, { credential: 'sk-two' }, { stream: !stream },
        ...api.differences].map((other) => ({ ...prompt, ...other }));
      for (const [index, other] of others.entries()) {
        const answer = await ask(api, other);
        assertFromUpstream(answer);
        assert.notDeepEqual(answer.parts, first.parts);
        assert.equal(await hits(prompt), index + 2, JSON.stringify(other));
        assertFromCache(await ask(api, other), answer);
      }
      assertFromCache(await ask(api, prompt), first);
      assert.equal(await hits(prompt), others.length + 1);
    });

    test(`${api.name}: ${what} that calls a tool is kept only where the policy says so`, async () => {
      for (const [kind, most] of [['calling-', 2], ['calls-calling-', 1]]) {
        const prompt = await newPrompt(api, { kind, stream, more: api.tool });
        const first = await ask(api, prompt);
        const second = await ask(api, prompt);
        assert.match(JSON.stringify(first.parts), /weather/);
        if (most === 1) {
          assertFromCache(second, first);
        } else {
          assertFromUpstream(second);
          assert.notDeepEqual(second.parts, first.parts);
        }
        assert.equal(models.hits(prompt.model), most, kind);
      }
    });

    test(`${api.name}: ${what} in words is kept though it might have called a tool`, async () => {
      const prompt = await newPrompt(api, { stream, more: api.tool });
      const first = await ask(api, prompt);
      assertFromCache(await ask(api, prompt), first);
      assert.equal(await hits(prompt), 1);
    });

    const faults = stream
      ? ['cut=2', 'break=2', 'abort=2', 'no-terminator', 'error-event=overloaded_error@2']
      : ['status=503', 'malformed', 'truncate=50%'];
    for (const fault of faults) {
      test(`${api.name}: ${what} that ended in ${fault} is not kept`, async () => {
        const prompt = await newPrompt(api, { stream, steps: [[1, fault], ['always', '']] });
        assert.ok(await failure(ask(api, prompt)) instanceof Error);
        const whole = await ask(api, prompt);
        assertFromUpstream(whole);
        assertFromCache(await ask(api, prompt), whole);
        assert.equal(await hits(prompt), 2);
      });
    }
  }

  // ---- at once ----

  test(`${api.name}: a stored stream comes at once, or with its pauses`, async () => {
    for (const kind of ['', 'recorded-']) {
      const prompt = await newPrompt(api, { kind, stream: true, steps: [['always', 'gap=80ms']] });
      const first = await ask(api, prompt);
      const again = await ask(api, prompt);
      assertFromCache(again, first);
      const pauses = 500;  // together, at least
      assert.ok(first.ms > pauses, `${first.ms} ms`);
      assert.equal(again.ms > pauses, kind === 'recorded-', `${kind} ${again.ms} of ${first.ms} ms`);
      assert.equal(await hits(prompt), 1);
    }
  });

  test(`${api.name}: who asks for a stream on its way gets all of it`, async () => {
    const prompt = await newPrompt(api, { stream: true, steps: [['always', 'delay=200ms;gap=150ms']] });
    const { onPart, came } = partsOf(2);
    const asked = [ask(api, { ...prompt, onPart }), ask(api, prompt)];
    await came;
    asked.push(ask(api, prompt));
    const [first, second, late] = await Promise.all(asked);
    assert.deepEqual(second.parts, first.parts);
    assert.deepEqual(late.parts, first.parts);
    assert.match(status(late), /^outrigger; fwd=miss; collapsed/);
    assert.equal(source(late), 'cache');
    const collapsed = [first, second].filter((answer) => /; collapsed/.test(status(answer)));
    assert.equal(collapsed.length, 1);
    assert.equal(await hits(prompt), 1);
  });

  test(`${api.name}: a stream that breaks off does so for all who wait for it`, async () => {
    const prompt = await newPrompt(api, { stream: true, steps: [[1, 'gap=150ms;abort=3'], ['always', '']] });
    const { onPart, came } = partsOf(2);
    const first = failure(ask(api, { ...prompt, onPart }));
    await came;
    assert.ok(await failure(ask(api, prompt)) instanceof Error);
    assert.ok(await first instanceof Error);
    assert.equal(await hits(prompt), 1);
    assertFromUpstream(await ask(api, prompt));
  });

  test(`${api.name}: who waited with others for a second-best answer is told that it is one`, async () => {
    const degraded = (answer) => answer.head.get('outrigger-degraded');
    for (const kind of ['second-', 'short-']) {
      const prompt = await newPrompt(api, { kind });
      if (kind === 'short-') {
        await ask(api, prompt);
        await sleep(1100);
      }
      await mock.plan(prompt.model, [[1, 'delay=200ms;status=503'], ['always', '']]);
      const [one, other] = await Promise.all([ask(api, prompt), ask(api, prompt)]);
      assert.deepEqual(one.parts, other.parts);
      assert.equal(await hits(prompt), 2, kind);
      assert.deepEqual([degraded(one), degraded(other)], ['true', 'true'], kind);
      assertFromUpstream(await ask(api, prompt));  // it was not kept
    }
  });

  test(`${api.name}: two that might call a tool share an answer only where the policy says so`, async () => {
    for (const [kind, most] of [['', 2], ['calls-', 1]]) {
      const prompt = await newPrompt(api, { kind, steps: [['always', 'delay=200ms']], more: api.tool });
      const [one, other] = await Promise.all([ask(api, prompt), ask(api, prompt)]);
      assert.equal(await hits(prompt), most);
      assert.equal(isDeepStrictEqual(one.parts, other.parts), most === 1);
    }
  });

  // ---- agents that restart ----

  for (const when of ['while it comes', 'when it is over']) {
    test(`${api.name}: who left in the middle of a stream and asks again ${when} gets all of it`, async () => {
      const prompt = await newPrompt(api, { stream: true, steps: [['always', 'gap=120ms']] });
      const leaving = new AbortController();
      let begun = 0;
      const onPart = (parts) => {
        begun = parts;
        if (parts === 3) leaving.abort();
      };
      await ask(api, { ...prompt, signal: leaving.signal, onPart }).catch((error) => error);
      assert.ok(begun >= 3 && begun < 7, `${begun} parts came`);
      if (when === 'when it is over') await allOver(prompt);
      const again = await ask(api, prompt);
      assert.equal(source(again), 'cache');
      assert.match(status(again), when === 'while it comes' ? /; collapsed/ : /^outrigger; hit; ttl=/);
      assert.ok(again.parts.length > 7, `${again.parts.length} parts`);
      assertFromCache(await ask(api, prompt), again);
      const sent = await mock.hits(prompt.model);
      assert.equal(sent.length, 1);
      assert.equal(sent[0].client_gone, false);
    });
  }

  test(`${api.name}: an agent that left before its answer came finds it`, async () => {
    const prompt = await newPrompt(api, { steps: [['always', 'delay=900ms']] });
    const error = await failure(ask(api, { ...prompt, signal: AbortSignal.timeout(400) }));
    assert.ok(error instanceof Error);
    const answer = await ask(api, prompt);
    assert.equal(source(answer), 'cache');
    assertFromCache(await ask(api, prompt), answer);
    assert.equal(await hits(prompt), 1);
  });
}

for (const api of apis.filter(({ gather }) => gather)) {
  test(`${api.name}: the helper that gathers a stream has it from the cache`, async () => {
    const prompt = await newPrompt(api, { stream: true });
    await ask(api, prompt);
    const call = { ...prompt, fetch, headers: { 'Mock-Key': prompt.model } };
    const gathered = await api.gather(call);
    assert.match(JSON.stringify(gathered), /Hello from the mock upstream: all is well\./);
    assert.deepEqual(await api.gather(call), gathered);
    assert.equal(await hits(prompt), 1);
  });
}

test('openai chat: a stream without its [DONE] is whole to the SDK, and not kept', async () => {
  const [chat] = apis;
  const prompt = await newPrompt(chat, { stream: true, steps: [[1, 'no-done'], ['always', '']] });
  await ask(chat, prompt).catch((error) => error);
  const whole = await ask(chat, prompt);
  assertFromUpstream(whole);
  assertFromCache(await ask(chat, prompt), whole);
});

test('openai chat: who waits with one in a hurry waits on when that one gives up', async () => {
  const [chat] = apis;
  const prompt = await newPrompt(chat, { steps: [['always', 'delay=1500ms']] });
  const hasty = failure(ask(chat, { ...prompt, headers: { 'X-Stainless-Timeout': '1' } }));
  await sleep(200);
  const patient = await Promise.all([ask(chat, prompt), ask(chat, prompt)]);
  assert.equal((await hasty).status, 504);
  assert.deepEqual(patient[0].parts, patient[1].parts);
  assert.equal(await hits(prompt), 2, 'both patient ones share a call');
});

test('openai chat: an answer that is too long to be kept comes whole to all who wait for it', async () => {
  const [chat] = apis;
  for (const stream of [false, true]) {
    const prompt = await newPrompt(chat, { kind: 'small-', stream, steps: [['always', 'delay=200ms;size=512KiB']] });
    const [one, other] = await Promise.all([ask(chat, prompt), ask(chat, prompt)]);
    assert.ok(JSON.stringify(one.parts).length > 512 << 10);
    assert.ok(isDeepStrictEqual(one.parts, other.parts));
    assert.equal(await hits(prompt), 1);
    assertFromUpstream(await ask(chat, prompt));
  }
});

test('openai: embeddings that were paid for are given again', async () => {
  const embeddings = {
    upstream: 'openai',
    ask: (call) => openaiClient(call).embeddings
      .create({ model: call.model, input: ['a', 'b'], ...call.more }, options(call)),
  };
  const prompt = await newPrompt(embeddings);
  const first = await ask(embeddings, prompt);
  assert.equal(first.parts[0].data.length, 2);
  assert.equal(first.parts[0].data[1].embedding[0], 0.25);
  const again = await ask(embeddings, prompt);
  assertFromCache(again, first);
  assert.equal(again.head.get('outrigger-tokens-saved'),
    `input=${first.parts[0].usage.prompt_tokens}, output=0`);
  assert.equal(await hits(prompt), 1);
  assertFromUpstream(await ask(embeddings, { ...prompt, more: { input: ['a', 'c'] } }));
  assertFromUpstream(await ask(embeddings, { ...prompt, more: { dimensions: 8 } }));
  assert.equal(await hits(prompt), 3);
});

test('what an answer from the cache saved is what its usage says', async () => {
  const [chat, responses, anthropic, gemini] = apis;
  const saved = async (api) => {
    const prompt = await newPrompt(api);
    await ask(api, prompt);
    const { parts: [answer], head } = await ask(api, prompt);
    return [head.get('outrigger-tokens-saved'), answer.usage ?? answer.usageMetadata];
  };
  for (const [api, input, output] of [[chat, 'prompt_tokens', 'completion_tokens'],
    [responses, 'input_tokens', 'output_tokens'], [anthropic, 'input_tokens', 'output_tokens'],
    [gemini, 'promptTokenCount', 'candidatesTokenCount']]) {
    const [told, usage] = await saved(api);
    assert.equal(told, `input=${usage[input]}, output=${usage[output]}`, api.name);
  }
});
