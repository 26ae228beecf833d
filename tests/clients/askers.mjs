// The official SDKs as they parse: each answer whole, or event by event, and the head that it came with. A
// call is {base, credential, model, stream, more, headers, signal, maxRetries}: `more` are further parameters.
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

const messages = [{ role: 'user', content: 'hello' }];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

export const openaiClient = ({ base, credential, fetch }) =>
  new OpenAI({ apiKey: credential, baseURL: `${base}/v1`, fetch });
const anthropicClient = ({ base, credential, fetch }) =>
  new Anthropic({ apiKey: credential, baseURL: base, fetch });
export const options = ({ headers, signal, maxRetries }) => ({ headers, signal, maxRetries });
const streamed = ({ stream }) => (stream ? { stream: true } : {});

// `ask` gives a parsed answer, or what can be iterated. `tool`: what declares one; `differences`: what else
// makes another prompt.
export const apis = [
  {
    name: 'openai chat',
    upstream: 'openai',
    error: OpenAI.InternalServerError,
    differences: [{ more: { seed: 7 } }, { headers: { 'OpenAI-Organization': 'org-2' } }],
    tool: { tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }] },
    ask: (call) => openaiClient(call).chat.completions
      .create({ model: call.model, messages, ...streamed(call), ...call.more }, options(call)),
    // The helper that puts a streamed answer together.
    async gather(call) {
      const { id, choices } = await openaiClient(call).chat.completions
        .stream({ model: call.model, messages, ...call.more }, options(call)).finalChatCompletion();
      return { id, choices };
    },
  },
  {
    name: 'openai responses',
    upstream: 'openai',
    error: OpenAI.InternalServerError,
    differences: [{ more: { instructions: 'Be brief.' } }, { headers: { 'OpenAI-Project': 'proj-2' } }],
    tool: { tools: [{ type: 'function', name: 'weather', parameters: schema, strict: false }] },
    ask: (call) => openaiClient(call).responses
      .create({ model: call.model, input: 'hello', ...streamed(call), ...call.more }, options(call)),
    gather: (call) => openaiClient(call).responses
      .stream({ model: call.model, input: 'hello', ...call.more }, options(call)).finalResponse(),
  },
  {
    name: 'anthropic',
    upstream: 'anthropic',
    error: Anthropic.InternalServerError,
    differences: [{ more: { max_tokens: 10 } }, { headers: { 'anthropic-beta': 'context-1m-2025-08-07' } }],
    tool: { tools: [{ name: 'weather', input_schema: schema }] },
    ask: (call) => anthropicClient(call).messages
      .create({ model: call.model, max_tokens: 9, messages, ...streamed(call), ...call.more }, options(call)),
    gather: (call) => anthropicClient(call).messages
      .stream({ model: call.model, max_tokens: 9, messages, ...call.more }, options(call)).finalMessage(),
  },
  {
    name: 'gemini',
    upstream: 'gemini',
    error: ApiError,
    differences: [{ more: { seed: 7 } }, { more: { systemInstruction: 'Be brief.' } }],
    tool: { tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: schema }] }] },
    ask({ base, credential, fetch, model, stream, more, headers, signal }) {
      const gemini = new GoogleGenAI({ apiKey: credential, httpOptions: { baseUrl: base, fetch } }).models;
      const config = { ...more, abortSignal: signal, httpOptions: { headers } };
      const asked = { model, contents: 'hello', config };
      return stream ? gemini.generateContentStream(asked) : gemini.generateContent(asked);
    },
  },
];

// Gemini's parts carry the head of their answer.
const bare = ({ sdkHttpResponse, ...part }) => part;

// Asks as the SDK does and reads to the end: {parts, head, requests, ms}, `ms` from the head on. The call's
// onPart is told how many parts have come.
export async function ask(api, { headers, onPart = () => {}, ...call }) {
  const seen = { parts: [], requests: 0 };
  let began;
  const seeing = async (...args) => {
    ++seen.requests;
    const response = await fetch(...args);
    seen.head = response.headers;
    began = performance.now();
    return response;
  };
  const answer = await api.ask({ ...call, fetch: seeing, headers: { 'Mock-Key': call.model, ...headers } })
    .catch((error) => { throw Object.assign(error, { seen }); });
  if (call.stream) {
    for await (const part of answer) onPart(seen.parts.push(bare(part)));
  } else {
    seen.parts.push(bare(answer));
  }
  seen.ms = performance.now() - began;
  return seen;
}
