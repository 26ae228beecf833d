#include "tests/support/upstream.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/upstream_h1.h"
#include "tests/support/upstream_h2.h"

namespace outrigger::test {

struct Held::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  Exchange* exchange = nullptr;  // nullptr once released
};

Held& Held::operator=(Held&& other) noexcept {
  release();
  shared_ = std::move(other.shared_);
  return *this;
}

Exchange* Held::operator->() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->exchange;
}

void Held::release() {
  if (shared_ == nullptr) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->exchange = nullptr;
  shared_->changed.notify_all();
}

Upstream::Upstream(UpstreamOptions options)
    : options_(std::move(options)),
      listener_(Socket::listen(options_.port, 1024, options_.address)) {
  port_ = listener_.local_port();
  if (options_.alpn.empty()) options_.alpn = options_.http == Http::k2 ? "h2" : "http/1.1";
  acceptor_ = std::thread([this] { accept_connections(); });
}

Upstream::~Upstream() {
  stop();
  drop_connections();
  reap(open_, Reap::kAll);
  verify();
}

std::string Upstream::url() const {
  return fmt::format("{}:{}", options_.tls ? "https://localhost" : "http://127.0.0.1", port_);
}

std::size_t Upstream::open_connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(open_, [](const Worker& worker) { return !worker.over; }));
}

std::vector<Request> Upstream::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string Upstream::stray_bytes() const {
  const std::lock_guard lock(mutex_);
  return stray_bytes_;
}

std::string Upstream::handshake_failure() const {
  const std::lock_guard lock(mutex_);
  return handshake_failure_;
}

void Upstream::on_connection(std::function<void(Channel&)> misbehave) {
  const std::lock_guard lock(mutex_);
  misbehave_ = std::move(misbehave);
}

void Upstream::drop_connections() {
  const std::lock_guard lock(mutex_);
  for (const Worker& worker : open_) {
    if (worker.drop) worker.drop();
  }
  for (const auto& shared : held_) Held(shared).release();
  held_.clear();
}

void Upstream::stop() {
  if (stopping_.exchange(true)) return;
  listener_.shut_down();
  acceptor_.join();
  listener_.close();
}

void Upstream::verify() {
  const std::lock_guard lock(mutex_);
  for (const std::string& what : problems_) ADD_FAILURE() << "upstream: " << what;
  for (const Script& script : scripts_) {
    if (script.left_ > 0 && !script.optional_) {
      ADD_FAILURE() << "upstream: expected and not met: " << script.what_;
    }
  }
  problems_.clear();
  scripts_.clear();
}

void Upstream::problem(std::string what) {
  const std::lock_guard lock(mutex_);
  problems_.push_back(std::move(what));
}

// ---- threads ----

// Lets drop_connections() reach the connection for as long as this lives.
class Upstream::Droppable {
 public:
  Droppable(Upstream& owner, Worker& worker, std::function<void()> drop)
      : owner_(owner), worker_(worker) {
    const std::lock_guard lock(owner_.mutex_);
    if (owner_.stopping_) drop();
    worker_.drop = std::move(drop);
  }
  ~Droppable() {
    const std::lock_guard lock(owner_.mutex_);
    worker_.drop = {};
  }

 private:
  Upstream& owner_;
  Worker& worker_;
};

void Upstream::start_worker(std::list<Worker>& workers, std::function<void(Worker&)> work) {
  reap(workers, Reap::kFinished);
  const std::lock_guard lock(mutex_);
  Worker& worker = workers.emplace_back();
  worker.thread = std::thread([this, &worker, work = std::move(work)] {
    try {
      work(worker);
    } catch (const ClientGone&) {
      // The test's own client sees what it got.
    } catch (const std::exception& failure) {
      problem(failure.what());
    }
    const std::lock_guard over(mutex_);
    worker.over = true;
  });
}

void Upstream::reap(std::list<Worker>& workers, Reap which) {
  std::list<Worker> done;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = workers.begin(); at != workers.end();) {
      const auto next = std::next(at);
      if (which == Reap::kAll || at->over) done.splice(done.end(), workers, at);
      at = next;
    }
  }
  for (Worker& worker : done) worker.thread.join();
}

void Upstream::accept_connections() {
  while (!stopping_) {
    auto socket = std::make_shared<Socket>(listener_.accept(Deadline(1h)));
    if (!socket->valid()) return;
    const std::size_t number = ++connections_;
    start_worker(open_, [this, number, socket](Worker& worker) {
      serve(std::move(*socket), worker, number);
    });
  }
}

void Upstream::serve(Socket socket, Worker& worker, std::size_t number) {
  std::function<void(Channel&)> misbehave;
  {
    const std::lock_guard lock(mutex_);
    misbehave = misbehave_;
  }
  std::optional<Channel> channel;
  try {
    const TlsSettings settings{options_.files, options_.alpn, ""};
    channel = options_.tls && !misbehave ? Channel::tls_server(std::move(socket), settings)
                                         : Channel(std::move(socket));
  } catch (const Failure& failure) {
    const std::lock_guard lock(mutex_);
    handshake_failure_ = failure.what();
    return;
  }
  if (options_.http == Http::k2 && !misbehave) return serve_h2(std::move(*channel), worker, number);
  const Droppable droppable(*this, worker, [&channel] { channel->shut_down(); });
  if (misbehave) return misbehave(*channel);
  serve_h1(
      *channel, [&](Exchange& exchange) { answer(exchange, number); },
      [&](std::string_view bytes) {
        const std::lock_guard lock(mutex_);
        stray_bytes_ += bytes;
      });
}

void Upstream::serve_h2(Channel channel, Worker& worker, std::size_t number) {
  std::list<Worker> streams;
  {
    H2Peer* self = nullptr;
    std::mutex built;
    std::unique_lock building(built);
    H2Peer peer(std::move(channel), H2Peer::Role::kServer, options_.h2, [&](H2Peer::StreamId id) {
      const std::lock_guard wait_until_built(built);
      start_worker(streams, [this, self, id, number](Worker&) {
        H2Exchange exchange(*self, id);
        answer(exchange, number);
      });
    });
    self = &peer;
    building.unlock();
    const Droppable droppable(*this, worker, [&peer] { peer.abort(); });
    peer.wait_closed(Deadline(1h));
    reap(streams, Reap::kAll);
  }
}

// ---- scripts ----

std::optional<Upstream::Plan> Upstream::match(const Request& request) {
  const std::lock_guard lock(mutex_);
  for (Script& script : scripts_) {
    const bool fits = script.what_ == "*" || script.what_ == request.method + " *" ||
                      script.what_ == request.method + " " + request.target;
    if (!fits || script.left_ == 0) continue;
    --script.left_;
    return Plan{script.steps_, script.reads_body_first_};
  }
  return std::nullopt;
}

void Upstream::update(std::size_t index, const Request& request) {
  const std::lock_guard lock(mutex_);
  requests_[index] = request;
}

void Upstream::answer(Exchange& exchange, std::size_t connection) {
  Request& request = exchange.request;
  request.connection = connection;
  std::size_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    index = requests_.size();
    requests_.push_back(request);
  }
  const std::optional<Plan> plan = match(request);
  if (!plan) {
    problem(fmt::format("nobody expects {} {} ({})", request.method, request.target,
                        request.authority));
    return exchange.reply(response(599, "not expected"));
  }
  if (plan->reads_body_first) {
    exchange.read_body();
    update(index, request);
  }
  for (const Script::Step& step : plan->steps) step(exchange);
  update(index, request);
}

Script& Upstream::expect(std::string what) {
  const std::lock_guard lock(mutex_);
  return scripts_.emplace_back(Script(*this, std::move(what)));
}

void Upstream::hold(Exchange& exchange) {
  auto shared = std::make_shared<Held::Shared>();
  shared->exchange = &exchange;
  {
    const std::lock_guard lock(mutex_);
    held_.push_back(shared);
    changed_.notify_all();
  }
  std::unique_lock lock(shared->mutex);
  shared->changed.wait(lock, [&] { return shared->exchange == nullptr; });
}

Held Upstream::accept(Deadline deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline.at(), [&] { return !held_.empty(); })) {
    give_up("no request came to the upstream");
  }
  Held held(held_.front());
  held_.pop_front();
  return held;
}

}  // namespace outrigger::test
