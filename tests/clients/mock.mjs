// `outrigger mock`, the upstream that fails as it is told: faults by caller, and what it was asked.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Mock {
  #process;
  #exited;

  async start() {
    this.#process = spawn(process.env.OUTRIGGER_BINARY, ['mock', '--listen', '127.0.0.1:0', '--quiet'],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#process.on('exit', (code) => resolve(code)));
    for (const pipe of [this.#process.stdout, this.#process.stderr]) {
      createInterface({ input: pipe }).on('line', (line) => this.#said(line));
    }
    this.url = await Promise.race([
      new Promise((resolve) => { this.#said = (line) => resolve(/http:\S+/.exec(line)?.[0]); }),
      this.#exited.then((code) => { throw new Error(`the mock ended with ${code}`); }),
    ]);
    return this;
  }
  #said = () => {};

  // The requests with that key meet these faults, one after the other: [[times or 'always', fault], ...].
  // The faults of other keys are forgotten.
  async plan(key, steps) {
    const script = steps.map(([times, fault]) =>
      `- {match: {header: {mock-key: ${key}}}, times: ${times}, fault: "${fault}"}\n`).join('');
    const answer = await fetch(`${this.url}/mock/script`, { method: 'POST', body: script });
    if (!answer.ok) throw new Error(`the mock refuses ${script}: ${await answer.text()}`);
  }

  // The requests with that key that came, oldest first.
  async hits(key) {
    const { requests } = await (await fetch(`${this.url}/mock/requests`)).json();
    return requests.filter((request) => request.key === key);
  }

  async stop() {
    this.#process.kill('SIGTERM');
    return this.#exited;
  }
}
