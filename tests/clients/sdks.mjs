// The official SDKs in one shape, with their own retries as they are by default: `ask` returns a text,
// `read` yields the pieces of a streamed one. A call is {base, key, headers}.
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import Stripe from 'stripe';

const messages = [{ role: 'user', content: 'hello' }];

function openaiClient({ base, key, headers }) {
  return new OpenAI({ apiKey: `sk-${key}`, baseURL: `${base}/v1`, defaultHeaders: headers });
}

export const openai = {
  name: 'openai',
  overloaded: 503,
  errors: {
    400: OpenAI.BadRequestError, 401: OpenAI.AuthenticationError, 429: OpenAI.RateLimitError,
    503: OpenAI.InternalServerError, any: OpenAI.APIError,
  },
  id: (error) => error.requestID,
  field: (error, name) => error.headers.get(name),
  async ask(call) {
    const answer = await openaiClient(call).chat.completions.create({ model: call.key, messages });
    return answer.choices[0].message.content;
  },
  async* read(call) {
    const stream = await openaiClient(call).chat.completions
      .create({ model: call.key, messages, stream: true });
    for await (const chunk of stream) yield chunk.choices[0]?.delta.content ?? '';
  },
};

// The newer API of the same SDK, with another grammar of streams.
export const responses = {
  ...openai,
  name: 'openai responses',
  upstream: 'openai',
  async ask(call) {
    return (await openaiClient(call).responses.create({ model: call.key, input: 'hello' })).output_text;
  },
  async* read(call) {
    const stream = await openaiClient(call).responses
      .create({ model: call.key, input: 'hello', stream: true });
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') yield event.delta;
    }
  },
};

function anthropicClient({ base, key, headers }) {
  return new Anthropic({ apiKey: `sk-ant-${key}`, baseURL: base, defaultHeaders: headers });
}

export const anthropic = {
  name: 'anthropic',
  overloaded: 529,
  errors: {
    400: Anthropic.BadRequestError, 401: Anthropic.AuthenticationError, 429: Anthropic.RateLimitError,
    503: Anthropic.InternalServerError, 529: Anthropic.InternalServerError, any: Anthropic.APIError,
  },
  id: (error) => error.requestID,
  field: (error, name) => error.headers.get(name),
  async ask(call) {
    const answer = await anthropicClient(call).messages.create({ model: call.key, max_tokens: 9, messages });
    return answer.content[0].text;
  },
  async* read(call) {
    const stream = await anthropicClient(call).messages
      .create({ model: call.key, max_tokens: 9, messages, stream: true });
    for await (const event of stream) {
      if (event.type === 'content_block_delta') yield event.delta.text;
    }
  },
};

function geminiModels({ base, key, headers, retryOptions }) {
  return new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base, headers, retryOptions } }).models;
}

export const gemini = {
  name: 'gemini',
  overloaded: 503,
  errors: { 400: ApiError, 401: ApiError, 429: ApiError, 503: ApiError, any: ApiError },
  async ask(call) {
    return (await geminiModels(call).generateContent({ model: call.key, contents: 'hello' })).text;
  },
  async* read(call) {
    const stream = await geminiModels(call).generateContentStream({ model: call.key, contents: 'hello' });
    for await (const chunk of stream) yield chunk.text ?? '';
  },
};

// It knows no base path: the prefix is put in front of what it asks for.
function stripeClient({ base, key, headers }) {
  const withPrefix = (url, init) => {
    const { pathname, search } = new URL(url);
    const all = [...init.headers, ...Object.entries(headers)];  // its own come as pairs
    return fetch(`${base}${pathname}${search}`, { ...init, headers: all });
  };
  return new Stripe(`sk_test_${key}`, {
    httpClient: Stripe.createFetchHttpClient(withPrefix), maxNetworkRetries: 2, telemetry: false,
  });
}

export const stripe = {
  name: 'stripe',
  overloaded: 503,
  errors: {
    400: Stripe.errors.StripeInvalidRequestError, 401: Stripe.errors.StripeAuthenticationError,
    429: Stripe.errors.StripeRateLimitError, 503: Stripe.errors.StripeAPIError, any: Stripe.errors.StripeError,
  },
  id: (error) => error.requestId,
  field: (error, name) => error.headers[name],
  async ask(call) {
    return (await stripeClient(call).customers.create({ email: 'a@example.com' })).object;
  },
};
