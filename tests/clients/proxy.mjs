// The proxy under test, started with a configuration in a folder of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const binary = process.env.OUTRIGGER_BINARY;

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Proxy {
  #folder = mkdtempSync(join(tmpdir(), 'outrigger-clients-'));
  #process;
  #exited;

  // `upstreams`: lines of YAML below `upstreams:`; `server`: further keys of `server` in flow style.
  async start(upstreams, server = '') {
    [this.port, this.health, this.admin] = [await freePort(), await freePort(), await freePort()];
    const at = (port) => `"127.0.0.1:${port}"`;
    writeFileSync(join(this.#folder, 'outrigger.yaml'), `version: 1
server: {listen: ${at(this.port)}, health: ${at(this.health)}, admin: ${at(this.admin)}, log_format: json,
         drain: {announce: 10ms, streams: 5s}${server}}
upstreams:
${upstreams.map((line) => `  ${line}\n`).join('')}`);
    const log = (name) => openSync(join(this.#folder, name), 'a');
    this.#process = spawn(binary, ['run', 'outrigger.yaml'], {
      cwd: this.#folder, stdio: ['ignore', log('stdout'), log('stderr')],
    });
    this.#exited = new Promise((resolve) => this.#process.on('exit', (code) => resolve(code)));
    for (let tries = 0; tries < 500; ++tries) {
      if (this.#process.exitCode !== null) break;
      const ready = await fetch(`http://127.0.0.1:${this.health}/readyz`).catch(() => undefined);
      if (ready?.status === 200) return this;
      await sleep(20);
    }
    throw new Error(`the proxy does not serve:\n${this.stderr()}`);
  }

  get url() { return `http://127.0.0.1:${this.port}`; }
  stderr() { return readFileSync(join(this.#folder, 'stderr'), 'utf8'); }

  accessLog() {
    return readFileSync(join(this.#folder, 'stdout'), 'utf8').split('\n')
      .filter((line) => line.includes('"access"')).map((line) => JSON.parse(line));
  }

  // How often the upstream of that name was asked, once the log has caught up.
  async requestsTo(upstream) {
    await sleep(300);
    return this.accessLog().filter((line) => line.upstream === upstream).length;
  }

  // The exit code.
  async stop() {
    this.#process.kill('SIGTERM');
    const code = await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true });
    return code;
  }
}
