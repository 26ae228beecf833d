// curl, nghttp, h2load and a WebSocket library through the proxy.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import { Provider } from './provider.mjs';
import { Proxy } from './proxy.mjs';

const run = promisify(execFile);
const limits = { timeout: 60_000, maxBuffer: 64 << 20 };
let provider;
let proxy;

before(async () => {
  provider = await new Provider().start();
  proxy = await new Proxy().start(
    [`openai: {use: openai, url: "${provider.url}"}`, `ws: {use: http, url: "${provider.url}"}`],
    ', forward: {enabled: true, allow_hosts: [localhost], allow_cidrs: ["127.0.0.0/8", "::1/128"], ' +
    `ports: [${provider.port}]}`);
});

after(async () => {
  provider.stop();
  assert.equal(await proxy.stop(), 0, 'the proxy exits with 0');
});

const curl = async (...options) =>
  (await run('curl', ['-sS', '--fail-with-body', '--max-time', '30', ...options], limits)).stdout;
const isModels = (text) => assert.equal(JSON.parse(text).data[0].id, 'gpt-test');

test('curl over HTTP/1.1', async () => isModels(await curl(`${proxy.url}/openai/v1/models`)));

test('curl over HTTP/2 with prior knowledge', async () => {
  const text = await curl('--http2-prior-knowledge', '-w', '\n%{http_version}',
    `${proxy.url}/openai/v1/models`);
  const [body, version] = text.split('\n');
  assert.equal(version, '2');
  isModels(body);
});

test('curl asking to upgrade to HTTP/2 is answered in HTTP/1.1', async () => {
  const text = await curl('--http2', '-w', '\n%{http_version}', `${proxy.url}/openai/v1/models`);
  const [body, version] = text.split('\n');
  assert.equal(version, '1.1');
  isModels(body);
});

test('curl with the proxy as its HTTP proxy', async () => {
  isModels(await curl('-x', proxy.url, `${provider.url}/v1/models`));
});

test('curl through a CONNECT tunnel', async () => {
  isModels(await curl('-p', '-x', proxy.url, `http://localhost:${provider.port}/v1/models`));
});

test('curl is refused a tunnel to a host that is not allowed', async () => {
  await assert.rejects(curl('-p', '-x', proxy.url, 'http://example.com:443/'), /403/);
});

test('curl uploads 4 MiB that wait for 100 Continue', async () => {
  const size = 4 << 20;
  const upload = run('curl', ['-sS', '--max-time', '30', '-H', 'Expect: 100-continue', '-H',
    'Content-Type: text/plain', '--data-binary', '@-', `${proxy.url}/openai/v1/echo`], limits);
  upload.child.stdin.end('x'.repeat(size));
  assert.equal(JSON.parse((await upload).stdout).bytes, size);
});

test('curl sees an error document for a prefix that does not exist', async () => {
  const { stdout } = await run('curl', ['-sS', `${proxy.url}/opnai/v1/models`], limits);
  assert.match(stdout, /\/openai/);
});

test('nghttp reads an answer', async () => {
  const { stdout } = await run('nghttp', [`${proxy.url}/openai/v1/models`], limits);
  isModels(stdout);
});

test('nghttp uploads and asks twice on one connection', async () => {
  const { stdout } = await run('nghttp', ['-m', '2', `${proxy.url}/openai/v1/models`], limits);
  assert.equal(stdout.match(/gpt-test/g).length, 2);
});

for (const [name, options] of [['HTTP/2', []], ['HTTP/1.1', ['--h1']]]) {
  test(`h2load over ${name} loses no request`, async () => {
    const { stdout } = await run('h2load', ['-n', '2000', '-c', '10', '-m', name === 'HTTP/2' ? '10' : '1',
      ...options, `${proxy.url}/openai/v1/models`], limits);
    assert.match(stdout, /2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
    assert.match(stdout, /status codes: 2000 2xx/);
  });
}

test('a WebSocket carries messages both ways and closes cleanly', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws/chat`);
  await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
  for (const message of ['hello', 'x'.repeat(100_000)]) {
    const echoed = new Promise((resolve) => { socket.once('message', (data) => resolve(data.toString())); });
    socket.send(message);
    assert.equal(await echoed, message);
  }
  const closed = new Promise((resolve) => { socket.on('close', resolve); });
  socket.close(1000);
  assert.equal(await closed, 1000);
});
