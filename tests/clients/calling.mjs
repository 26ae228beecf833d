// A stand-in for models that call a tool, whatever they are asked: OpenAI's two APIs, Anthropic, Gemini.
import { once } from 'node:events';
import { createServer } from 'node:http';

const city = '{"city":"Bergen"}';
const halves = [city.slice(0, 8), city.slice(8)];

export class CallingModels {
  #server = createServer((request, response) => this.#answer(request, response));
  #hits = new Map();  // by model

  async start() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url() { return `http://127.0.0.1:${this.#server.address().port}`; }
  hits(model) { return this.#hits.get(model) ?? 0; }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const path = request.url.split('?')[0];
    const model = body.model ?? /models\/([^:]+):/.exec(path)[1];
    const hits = this.hits(model) + 1;
    this.#hits.set(model, hits);
    const stream = body.stream === true || path.endsWith(':streamGenerateContent');
    const answer = answers[/[^/:]+$/.exec(path)[0]](model, hits);
    response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
    response.end(stream ? answer.events.map(sse).join('') : JSON.stringify(answer.whole));
  }
}

function sse(event) {
  const name = event.type ? `event: ${event.type}\n` : '';
  return `${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;
}

const chat = (model, number) => {
  const head = { id: `chatcmpl-${number}`, created: 1, model };
  const call = (args) => ({ id: 'call_1', type: 'function', function: { name: 'weather', arguments: args } });
  const chunk = (delta, reason = null) => ({
    ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }],
  });
  const message = { role: 'assistant', content: null, tool_calls: [call(city)] };
  return {
    whole: {
      ...head, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
    events: [
      chunk({ role: 'assistant', content: null, tool_calls: [{ index: 0, ...call('') }] }),
      ...halves.map((half) => chunk({ tool_calls: [{ index: 0, function: { arguments: half } }] })),
      chunk({}, 'tool_calls'),
      '[DONE]',
    ],
  };
};

const responses = (model, number) => {
  const item = (status, args) => ({
    id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'weather', arguments: args, status,
  });
  const whole = (status, output) => ({
    id: `resp_${number}`, object: 'response', created_at: 1, status, error: null, incomplete_details: null,
    model, output, usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  });
  const done = item('completed', city);
  const place = { item_id: 'fc_1', output_index: 0 };
  const argument = 'response.function_call_arguments';
  return {
    whole: whole('completed', [done]),
    events: [
      { type: 'response.created', response: whole('in_progress', []) },
      { type: 'response.output_item.added', output_index: 0, item: item('in_progress', '') },
      ...halves.map((delta) => ({ type: `${argument}.delta`, ...place, delta })),
      { type: `${argument}.done`, ...place, arguments: city },
      { type: 'response.output_item.done', output_index: 0, item: done },
      { type: 'response.completed', response: whole('completed', [done]) },
    ].map((event, index) => ({ ...event, sequence_number: index })),
  };
};

const messages = (model, number) => {
  const block = (input) => ({ type: 'tool_use', id: 'toolu_1', name: 'weather', input });
  const message = (content, reason) => ({
    id: `msg_${number}`, type: 'message', role: 'assistant', model, content, stop_reason: reason,
    stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
  });
  return {
    whole: message([block(JSON.parse(city))], 'tool_use'),
    events: [
      { type: 'message_start', message: message([], null) },
      { type: 'content_block_start', index: 0, content_block: block({}) },
      ...halves.map((half) => ({
        type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: half },
      })),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 1 } },
      { type: 'message_stop' },
    ],
  };
};

const gemini = (model, number) => {
  const parts = [{ functionCall: { name: 'weather', args: JSON.parse(city) } }];
  const whole = {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    modelVersion: model, responseId: `gemini-${number}`,
  };
  return { whole, events: [whole] };
};

const answers = {
  completions: chat, responses, messages, generateContent: gemini, streamGenerateContent: gemini,
};
