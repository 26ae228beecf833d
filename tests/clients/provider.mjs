// A stand-in for the LLM providers: it speaks their shapes, and the model's name says how it behaves.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export const keyOf = (headers) => headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /, '');

export class Provider {
  #server = createServer((request, response) => this.#answer(request, response));
  #gates = new Map();
  requests = [];
  refusals = new Map();  // key: [status, error]

  async start() {
    const sockets = new WebSocketServer({ server: this.#server });
    sockets.on('connection', (socket) => {
      socket.on('message', (data, binary) => socket.send(data, { binary }));
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port() { return this.#server.address().port; }
  get url() { return `http://127.0.0.1:${this.port}`; }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  // A stream of the model `gated` sends each event after the first only when it is let through.
  letThrough() { this.#gate().open(); }

  #gate() {
    if (!this.#gates.has('gate')) {
      let open;
      const opened = new Promise((resolve) => { open = resolve; });
      this.#gates.set('gate', { opened, open });
    }
    return this.#gates.get('gate');
  }

  async #passGate() {
    await this.#gate().opened;
    this.#gates.delete('gate');
  }

  async #answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const type = request.headers['content-type'] ?? '';
    const body = type.includes('json') && text !== '' ? JSON.parse(text) : {};
    this.requests.push({ method: request.method, url: request.url, headers: request.headers, body, text });
    const refusal = this.refusals.get(keyOf(request.headers));
    if (refusal) return json(response, refusal[0], { error: refusal[1] });
    const path = request.url.split('?')[0];
    if (path === '/v1/models') return json(response, 200, { object: 'list', data: [model('gpt-test')] });
    if (path === '/v1/customers') return json(response, 200, { id: 'cus_1', object: 'customer' });
    if (path === '/v1/echo') return json(response, 200, { bytes: text.length });
    if (path === '/v1/chat/completions') return this.#openai(body, response);
    if (path === '/v1/messages') return this.#anthropic(body, response);
    return json(response, 404, { error: { message: `no ${path}`, type: 'invalid_request_error' } });
  }

  async #openai(body, response) {
    const failure = /^status-(\d+)$/.exec(body.model);
    if (failure) {
      const error = { message: 'the provider says no', type: 'provider_error', param: null, code: 'no' };
      return json(response, Number(failure[1]), { error }, { 'x-should-retry': 'false' });
    }
    if (!body.stream) return json(response, 200, completion(lastText(body)));
    await this.#stream(body.model, response, [
      ...['Hel', 'lo ', 'there'].map((word) => ['', completionChunk({ content: word })]),
      ['', completionChunk({}, 'stop')],
      ['', '[DONE]'],
    ]);
  }

  async #anthropic(body, response) {
    const failure = /^status-(\d+)$/.exec(body.model);
    if (failure) {
      const error = { type: 'overloaded_error', message: 'the provider says no' };
      return json(response, Number(failure[1]), { type: 'error', error }, { 'x-should-retry': 'false' });
    }
    if (!body.stream) return json(response, 200, message([{ type: 'text', text: lastText(body) }]));
    const events = [
      { type: 'message_start', message: { ...message([]), stop_reason: null } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'ping' },
      ...['Hel', 'lo ', 'there'].map((text) => ({
        type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text },
      })),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
      { type: 'message_stop' },
    ];
    await this.#stream(body.model, response, events.map((event) => [event.type, event]));
  }

  async #stream(modelName, response, events) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (const [index, [name, data]] of events.entries()) {
      if (modelName === 'gated' && index > 0) await this.#passGate();
      if (modelName === 'dies' && index > 1) return response.destroy();
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      const event = `${name === '' ? '' : `event: ${name}\n`}data: ${text}\n\n`;
      await new Promise((resolve) => { response.write(event, resolve); });
    }
    response.end();
  }
}

function json(response, status, value, headers = {}) {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json', 'content-length': Buffer.byteLength(text),
    'x-request-id': 'req_provider', ...headers,
  });
  response.end(text);
}

function lastText(body) {
  const content = body.messages.at(-1).content;
  return typeof content === 'string' ? `${content.length} characters` : 'parts';
}

function model(id) { return { id, object: 'model', created: 1, owned_by: 'test' }; }

function completion(content) {
  return {
    id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'gpt-test',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
}

function completionChunk(delta, finishReason = null) {
  return {
    id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-test',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  };
}

function message(content) {
  return {
    id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-test', content,
    stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
  };
}
