// An upstream that does what a test says: it listens on a free loopback port and answers each
// request by the first script that expects it. A request nobody expects, a script that ran into its
// deadline and an expectation that nothing met are failures of the test, reported by verify() or
// the destructor.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/exchange.h"
#include "tests/support/h2_peer.h"

namespace outrigger::test {

struct UpstreamOptions {
  Http http = Http::k1;
  bool tls = false;
  TlsFiles files = {};     // with tls; a trusted_ca demands client certificates
  std::string alpn = {};   // with tls; default by `http`
  std::uint16_t port = 0;  // 0: a free one
  std::string address = "127.0.0.1";
  H2Options h2 = {};
};

class Upstream;

// What to do with the requests that an expectation matches, in the order written:
//   upstream.expect("POST /v1/chat/completions").after(10ms).reply(503, body);
// The request's body is read before the first step, unless `before_body()` says otherwise.
class Script {
 public:
  using Step = std::function<void(Exchange&)>;

  Script& after(Milliseconds wait);
  Script& interim(int status, Fields fields = {});
  Script& reply(int status, std::string body = {}, Fields headers = {}, Fields trailers = {});
  // Each event as one piece; then a clean end.
  Script& reply_sse(std::vector<std::string> events);
  // A streamed answer whose first `sent` bytes come, and then nothing more.
  Script& stall_after(std::string sent, Fields headers = {});
  Script& reply_raw(std::string bytes);
  Script& close();
  Script& reset();
  // Says nothing until the client leaves.
  Script& hang();
  Script& rst_stream(std::uint32_t code);
  Script& goaway(std::int32_t last_stream, std::uint32_t code);
  Script& run(Step step);
  // Hands the request to the test itself: Upstream::accept().
  Script& manually();

  Script& before_body();
  Script& times(int count);
  Script& always();  // any number of times, also none

 private:
  friend class Upstream;
  Script(Upstream& owner, std::string what) : owner_(owner), what_(std::move(what)) {}
  Script& add(Step step);

  Upstream& owner_;
  const std::string what_;  // "METHOD target", "METHOD *" or "*"
  std::vector<Step> steps_;
  bool reads_body_first_ = true;
  bool optional_ = false;
  int left_ = 1;
};

// A request that the test drives itself; the upstream's connection waits until this goes.
class Held {
 public:
  struct Shared;
  explicit Held(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  Held(Held&&) noexcept = default;
  Held& operator=(Held&& other) noexcept;
  ~Held() { release(); }
  Exchange* operator->() const;
  Exchange& operator*() const { return *operator->(); }
  void release();

 private:
  std::shared_ptr<Shared> shared_;
};

class Upstream {
 public:
  explicit Upstream(UpstreamOptions options = {});
  ~Upstream();

  Script& expect(std::string what);
  // The next request of a script with manually().
  Held accept(Deadline deadline = Deadline());

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // With TLS by the name "localhost", which the test certificates carry.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::size_t connections() const { return connections_; }  // accepted so far
  [[nodiscard]] std::size_t open_connections() const;
  [[nodiscard]] std::vector<Request> requests() const;
  // What came that never became a request, as an upstream of a smuggling test must not see.
  [[nodiscard]] std::string stray_bytes() const;

  // Why the last TLS handshake failed; "" when none did. No failure of the test by itself.
  [[nodiscard]] std::string handshake_failure() const;

  // What each new connection gets instead of HTTP; an empty function restores it.
  void on_connection(std::function<void(Channel&)> misbehave);
  // Ends all connections that are idle or running, but keeps listening.
  void drop_connections();
  // Not listening any more: connecting is refused.
  void stop();
  // Reports what went wrong as failures of the running test, and forgets it.
  void verify();

 private:
  friend class Script;
  // A thread that serves a connection or a stream. All but the thread is guarded by mutex_.
  struct Worker {
    std::thread thread;
    std::function<void()> drop;  // ends the connection; set while there is one
    bool over = false;
  };
  class Droppable;
  void accept_connections();
  void start_worker(std::list<Worker>& workers, std::function<void(Worker&)> work);
  void serve(Socket socket, Worker& worker, std::size_t number);
  void serve_h2(Channel channel, Worker& worker, std::size_t number);
  void answer(Exchange& exchange, std::size_t connection);
  struct Plan {
    std::vector<Script::Step> steps;
    bool reads_body_first = true;
  };
  std::optional<Plan> match(const Request& request);
  void update(std::size_t index, const Request& request);
  void problem(std::string what);
  void hold(Exchange& exchange);
  enum class Reap { kFinished, kAll };
  void reap(std::list<Worker>& workers, Reap which);
  TlsSettings tls_settings() const;

  UpstreamOptions options_;
  Socket listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> connections_{0};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Script> scripts_;
  std::vector<Request> requests_;
  std::vector<std::string> problems_;
  std::string stray_bytes_;
  std::function<void(Channel&)> misbehave_;
  std::deque<std::shared_ptr<Held::Shared>> held_;
  std::list<Worker> open_;
  std::string handshake_failure_;
  std::thread acceptor_;
};

}  // namespace outrigger::test
