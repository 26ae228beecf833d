// Structured output of the official SDKs through a proxy that validates: what the model writes wrong first,
// and what the caller sees.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI, Type } from '@google/genai';
import OpenAI from 'openai';
import { Mock } from './mock.mjs';
import { Proxy } from './proxy.mjs';

const schema = {
  type: 'object', properties: { city: { type: 'string' }, people: { type: 'integer' } },
  required: ['city', 'people'], additionalProperties: false,
};
const good = { city: 'Bergen', people: 291940 };
const messages = [{ role: 'user', content: 'Which city?' }];
const yaml = (text) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const says = (text) => yaml(`text=${text}`);
const right = says(JSON.stringify(good));
const fenced = says('Here it is:\n```json\n{"city": "Bergen", "people": 291940,}\n```');
const broken = says('It is Bergen, with 291940 people.');
const misfit = says('{"city": "Bergen", "people": "many"}');
let mock;
let proxy;
let calls = 0;

before(async () => {
  mock = await new Mock().start();
  proxy = await new Proxy().start(['openai', 'anthropic', 'gemini'].map((profile) =>
    `${profile}: {use: ${profile}, url: "${mock.url}", validate: {}, commit: {until: on_complete}}`));
});

after(async () => {
  await mock.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
});

// A call of its own key, and the marks of its answer.
async function plan(upstream, steps) {
  const key = `validate-${++calls}`;
  await mock.plan(key, steps);
  const call = { key, base: `${proxy.url}/${upstream}`, headers: { 'Mock-Key': key } };
  call.fetch = async (...args) => {
    const answer = await fetch(...args);
    call.repair = answer.headers.get('outrigger-repair');
    call.status = answer.status;
    return answer;
  };
  return call;
}

function openaiClient({ base, headers, fetch }) {
  return new OpenAI({ apiKey: 'sk-test', baseURL: `${base}/v1`, defaultHeaders: headers, fetch });
}
function anthropicClient({ base, headers, fetch }) {
  return new Anthropic({ apiKey: 'sk-ant-test', baseURL: base, defaultHeaders: headers, fetch });
}

const chatFormat = { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } };
const textFormat = { type: 'json_schema', name: 'city', strict: true, schema };
const anthropicAsk = { model: 'claude-test', max_tokens: 99, messages,
  output_config: { format: { type: 'json_schema', schema } } };

// Each returns what the SDK's own helper parsed, and the tokens that it counts.
const asks = {
  'openai chat.completions.parse': {
    upstream: 'openai',
    async ask(call) {
      const answer = await openaiClient(call).chat.completions.parse({
        model: 'gpt-test', messages, response_format: chatFormat });
      return [JSON.parse(answer.choices[0].message.content), answer.usage.total_tokens];
    },
  },
  'openai chat.completions.stream': {
    upstream: 'openai',
    async ask(call) {
      const stream = openaiClient(call).chat.completions.stream({ model: 'gpt-test', messages,
        response_format: chatFormat, stream_options: { include_usage: true } });
      const answer = await stream.finalChatCompletion();
      return [JSON.parse(answer.choices[0].message.content), answer.usage.total_tokens];
    },
  },
  'openai responses.parse': {
    upstream: 'openai',
    async ask(call) {
      const answer = await openaiClient(call).responses.parse({
        model: 'gpt-test', input: 'Which city?', text: { format: textFormat } });
      return [JSON.parse(answer.output_text), answer.usage.total_tokens];
    },
  },
  'openai responses.stream': {
    upstream: 'openai',
    async ask(call) {
      const answer = await openaiClient(call).responses.stream({ model: 'gpt-test',
        input: 'Which city?', text: { format: textFormat } }).finalResponse();
      return [JSON.parse(answer.output_text), answer.usage.total_tokens];
    },
  },
  'anthropic messages.create': {
    upstream: 'anthropic',
    async ask(call) {
      const answer = await anthropicClient(call).messages.create(anthropicAsk);
      return [JSON.parse(answer.content[0].text), answer.usage.output_tokens];
    },
  },
  'anthropic messages.stream': {
    upstream: 'anthropic',
    async ask(call) {
      const answer = await anthropicClient(call).messages.stream(anthropicAsk).finalMessage();
      return [JSON.parse(answer.content[0].text), answer.usage.output_tokens];
    },
  },
};

for (const [how, make] of [
  ['generateContent', async (models, asked) => models.generateContent(asked)],
  ['generateContentStream', async (models, asked) => {
    let text = '';
    let last;
    for await (const part of await models.generateContentStream(asked)) {
      text += part.text ?? '';
      last = part;
    }
    return { text, usageMetadata: last.usageMetadata };
  }],
]) {
  asks[`gemini ${how}`] = {
    upstream: 'gemini',
    hidden: true,  // the SDK takes no fetch of ours: its answers' headers are not to be seen
    async ask(call) {
      const models = new GoogleGenAI({ apiKey: 'test',
        httpOptions: { baseUrl: call.base, headers: call.headers } }).models;
      const answer = await make(models, { model: 'gemini-test', contents: 'Which city?',
        config: { responseMimeType: 'application/json', responseSchema: {
          type: Type.OBJECT, required: ['city', 'people'],
          properties: { city: { type: Type.STRING }, people: { type: Type.INTEGER } } } } });
      return [JSON.parse(answer.text), answer.usageMetadata.totalTokenCount];
    },
  };
}

for (const [name, { upstream, ask, hidden }] of Object.entries(asks)) {
  const seen = (call, repair) => hidden || assert.equal(call.repair, repair);

  test(`${name}: what fits passes unmarked`, async () => {
    const call = await plan(upstream, [['always', right]]);
    assert.deepEqual((await ask(call))[0], good);
    assert.equal((await mock.hits(call.key)).length, 1);
    seen(call, null);
  });

  test(`${name}: fenced JSON with a trailing comma is mended without another call`, async () => {
    const call = await plan(upstream, [['always', fenced]]);
    assert.deepEqual((await ask(call))[0], good);
    assert.equal((await mock.hits(call.key)).length, 1);
    seen(call, 'deterministic');
  });

  for (const [what, bad] of [['no JSON', broken], ['JSON that does not fit', misfit]]) {
    test(`${name}: of ${what} the model is asked again, and the usage is that of both`, async () => {
      const alone = await plan(upstream, [['always', right]]);
      const [, usual] = await ask(alone);
      const call = await plan(upstream, [[1, bad], ['always', right]]);
      const [answer, tokens] = await ask(call);
      assert.deepEqual(answer, good);
      assert.equal((await mock.hits(call.key)).length, 2);
      assert.ok(tokens > usual, `${tokens} tokens, and ${usual} of one call`);
      seen(call, 'reprompt; attempts=1');
    });
  }

  test(`${name}: what stays wrong is one readable error that is not repeated`, async () => {
    const call = await plan(upstream, [['always', misfit]]);
    const error = await ask(call).then(() => assert.fail('it succeeded'), (failed) => failed);
    assert.match(error.message, /fails validation/);
    assert.match(error.message, /people/);
    assert.equal((await mock.hits(call.key)).length, 2, 'the same answer twice ends it');
    if (!hidden) assert.equal(call.status, 502);
  });
}

test('openai: a parameter that the model does not have is taken out', async () => {
  const call = await plan('openai', [
    [1, 'status=400;code=unsupported_parameter;param=temperature;message=Unsupported parameter'],
    ['always', right]]);
  const answer = await openaiClient(call).chat.completions.create({
    model: 'o-test', messages, temperature: 0.2 });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), good);
  assert.equal(call.repair, 'reformulated; removed=/temperature');
});

test('openai: a compressed answer is read, and mended', async () => {
  const call = await plan('openai', [['always', `${fenced};gzip`]]);
  const answer = await openaiClient(call).chat.completions.parse({
    model: 'gpt-test', messages, response_format: chatFormat });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), good);
  assert.equal(call.repair, 'deterministic');
});
