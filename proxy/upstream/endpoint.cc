#include "proxy/upstream/endpoint.h"

#include <algorithm>
#include <utility>

#include "proxy/net/connect.h"

namespace outrigger::upstream {
namespace {

// Answers carry more fields than requests: CDNs and tracing add theirs.
constexpr http::HeadLimits kAnswerLimits{
    .head_bytes = 128 * 1024, .field_bytes = 64 * 1024, .fields = 500};

// Refused streams of one request that are sent again.
constexpr int kMaxRefusals = 5;

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// A request whose body is in memory, or that has none, can be sent again.
bool replayable(const http::Request& request) noexcept {
  return request.body.whole() != nullptr;
}

// The connection failed under the request before anything came back, and nothing was executed:
// provably (P1), or because the method asks for nothing to be done (RFC 9110 9.2.2) and its route
// does not say otherwise.
bool stale(const Error& error, const http::Request& request,
           const AttemptListener& listener) noexcept {
  if (error.code != Errc::kReset && error.code != Errc::kClosed) return false;
  const bool silent = error.reason == "connection_terminated";
  return error.phase == Phase::kNothingAccepted ||
         (silent && http::is_safe(request.head.method) && listener.may_repeat());
}

}  // namespace

std::string authority_of(const config::Endpoint& where) {
  const std::uint16_t usual = where.tls ? 443 : 80;
  std::string text = bracketed(where.host);
  return where.port == usual ? text : text + ":" + std::to_string(where.port);
}

bool unreached(const Error& error) noexcept {
  return error.phase == Phase::kNoConnection && error.origin == Origin::kUpstream;
}

class Endpoint::Waiter {
 public:
  explicit Waiter(Endpoint& endpoint) : endpoint_(endpoint) { endpoint_.line_.push_back(this); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { std::erase(endpoint_.line_, this); }
  Signal turn;

 private:
  Endpoint& endpoint_;
};

class Endpoint::Dialling {
 public:
  explicit Dialling(Endpoint& endpoint) noexcept : endpoint_(endpoint) { ++endpoint_.dialling_; }
  Dialling(const Dialling&) = delete;
  Dialling& operator=(const Dialling&) = delete;
  ~Dialling() {
    --endpoint_.dialling_;
    endpoint_.next_in_line();
  }

 private:
  Endpoint& endpoint_;
};

Endpoint::Endpoint(const EndpointContext& context, config::Endpoint where,
                   const std::optional<config::PassiveHealth>& passive)
    : context_(context),
      where_(std::move(where)),
      name_(bracketed(where_.host) + ":" + std::to_string(where_.port)),
      authority_(authority_of(where_)),
      passive_(passive),
      self_(std::make_shared<Endpoint*>(this)) {
  if (context_.protocol == config::Protocol::kHttp2) spoken_ = Spoken::kHttp2;
  if (context_.protocol == config::Protocol::kHttp1 || !where_.tls) {
    if (spoken_ == Spoken::kUnknown) spoken_ = Spoken::kHttp1;
  }
}

Endpoint::~Endpoint() {
  *self_ = nullptr;
  idle_.clear();
  h2_.clear();
}

std::size_t Endpoint::load() const noexcept {
  std::size_t load = h1_open_ - idle_.size() + dialling_ + line_.size();
  for (const auto& connection : h2_) load += connection->live();
  return load;
}

// How one request gets its connections, over the tries that replace stale ones.
struct Endpoint::Course {
  // An upgrade is HTTP/1's own: it takes that protocol whatever else the endpoint speaks.
  bool h1_only = false;
  bool fresh_only = false;  // pooled connections have proved stale
  bool in_line = false;     // this request's turn has come
  bool reused = false;      // the connection at hand was used before
  int refusals = 0;
  H2Connection* shared = nullptr;  // the connection at hand, of either protocol
  std::unique_ptr<H1Connection> pooled;
};

Task<Result<http::Response>> Endpoint::exchange(http::Request& request, CancelScope& scope,
                                                AttemptListener& listener, Purpose purpose) {
  request.head.authority = authority_;
  Course course;
  course.h1_only = !request.head.protocol.empty() && request.head.method != http::Method::kConnect;
  for (;;) {
    if (!pick_connection(course)) {
      if (Status found = co_await find_connection(course, scope, listener); !found) {
        if (purpose == Purpose::kRequest) settle(found.error(), listener);
        co_return std::unexpected(std::move(found).error());
      }
    }
    listener.on_connection(course.reused);
    Task<Result<http::Response>> call =
        course.shared != nullptr ? course.shared->exchange(request, scope, &listener)
                                 : H1Connection::exchange(H1Lease(*this, std::move(course.pooled)),
                                                          request, scope, listener);
    Result<http::Response> outcome = co_await std::move(call);
    if (!outcome && !scope.cancelled() && try_again(course, outcome.error(), request, listener)) {
      continue;
    };
    if (purpose == Purpose::kRequest) settle(outcome, listener);
    co_return outcome;
  }
}

// What is at hand without waiting; false when a connection must be made or waited for.
bool Endpoint::pick_connection(Course& course) {
  if (!line_.empty() && !course.in_line) return false;
  course.shared = course.h1_only ? nullptr : h2_with_room();
  if (course.shared == nullptr && !course.fresh_only) course.pooled = take_idle();
  course.reused = course.shared != nullptr || course.pooled != nullptr;
  // What is enough for one may be enough for the next, too.
  if (course.reused && !line_.empty() && (course.shared != nullptr || may_dial(false)))
    next_in_line();
  return course.reused;
}

Task<Status> Endpoint::find_connection(Course& course, CancelScope& scope,
                                       AttemptListener& listener) {
  while (!may_dial(course.h1_only) || (!line_.empty() && !course.in_line)) {
    listener.on_queued();
    CO_TRY(co_await wait_in_line(scope));
    course.in_line = true;
    if (pick_connection(course)) co_return Status{};
  }
  // A new HTTP/2 connection may serve the whole line.
  if (!line_.empty() && may_dial(false)) next_in_line();
  CO_TRY(std::unique_ptr<Stream> dialled, co_await dial(course.h1_only, scope, listener));
  if (!course.h1_only && speaks_h2(*dialled)) {
    course.shared = &add_h2(std::move(dialled));
  } else {
    course.pooled = make_h1(std::move(dialled));
  }
  co_return Status{};
}

// Whether the request goes out again, on another connection.
bool Endpoint::try_again(Course& course, const Error& error, const http::Request& request,
                         const AttemptListener& listener) const {
  if (!stale(error, request, listener) || !replayable(request)) return false;
  course.in_line = true;
  if (error.reason == "stream_refused") {
    // More streams than the upstream takes were begun before it said so: the next try knows better.
    return ++course.refusals <= kMaxRefusals;
  }
  // A new HTTP/1 connection that fails says something of the upstream.
  if ((!course.reused && course.shared == nullptr) || course.fresh_only) return false;
  // And so does what it accepted, unless it was lost with a connection that had been idle.
  const bool accepted = error.phase != Phase::kNothingAccepted;
  if (accepted && (!course.reused || lives(course.shared))) return false;
  return course.fresh_only = true;
}

bool Endpoint::lives(const H2Connection* connection) const noexcept {
  return std::ranges::any_of(h2_, [connection](const auto& known) {
    return known.get() == connection && !known->closing();
  });
}

// What the outcome says of the endpoint.
void Endpoint::settle(const Result<http::Response>& outcome, AttemptListener& listener) {
  if (!outcome) return settle(outcome.error(), listener);
  passive_.on_success();
  listener.on_response(*outcome);
}

void Endpoint::settle(const Error& error, AttemptListener& listener) {
  if (unreached(error) && passive_.on_failure(context_.loop.now()) && context_.ejected != nullptr &&
      *context_.ejected) {
    (*context_.ejected)(name_);
  }
  listener.on_failed(error);
}

bool Endpoint::may_dial(bool h1_only) const noexcept {
  if (h1_open_ + h2_.size() + dialling_ >= context_.limits.connections) return false;
  if (h1_only || dialling_ == 0) return true;
  // Requests share an HTTP/2 connection, so one is made at a time; while the protocol is not known,
  // too.
  return spoken_ == Spoken::kHttp1;
}

Task<Status> Endpoint::wait_in_line(CancelScope& scope) {
  if (line_.size() >= context_.limits.waiting) {
    co_return fail(
        Errc::kOverload, Origin::kProxy, "connection_limit_reached",
        "all connections to " + name_ + " are in use and too many requests wait for one");
  }
  Waiter waiter(*this);
  co_return co_await waiter.turn.wait(scope);
}

// Wakes the first in line, from the loop: the caller is in the middle of something else.
void Endpoint::next_in_line() {
  if (line_.empty()) return;
  context_.loop.defer([self = self_] {
    if (*self == nullptr || (*self)->line_.empty()) return;
    Waiter* first = (*self)->line_.front();
    (*self)->line_.pop_front();
    first->turn.notify();
  });
}

Task<Result<std::unique_ptr<Stream>>> Endpoint::dial(bool h1_only, CancelScope& scope,
                                                     AttemptListener& listener) {
  const Dialling dialling(*this);
  listener.on_resolving();
  CO_TRY(const std::vector<SocketAddress> addresses,
         co_await context_.resolver.resolve(where_.host, where_.port, scope));
  if (context_.destinations != nullptr) {
    CO_TRY(context_.destinations->check_addresses(addresses));
  }
  listener.on_connecting();
  CO_TRY(Fd fd, co_await connect_any(context_.loop, addresses, scope));
  auto stream = std::make_unique<Stream>(context_.loop, std::move(fd), Origin::kUpstream);
  if (where_.tls) {
    listener.on_handshaking();
    CO_TRY(co_await secure(*stream, h1_only, scope));
  }
  co_return stream;
}

Task<Status> Endpoint::secure(Stream& stream, bool h1_only, CancelScope& scope) {
  static const std::vector<std::string> kHttp1Only{"http/1.1"};
  static const std::vector<std::string> kHttp2Only{"h2"};
  const bool h1 = h1_only || context_.protocol == config::Protocol::kHttp1;
  const bool h2 = context_.protocol == config::Protocol::kHttp2 && !h1_only;
  auto engine = h1   ? context_.tls->connect(where_.host, kHttp1Only)
                : h2 ? context_.tls->connect(where_.host, kHttp2Only)
                     : context_.tls->connect(where_.host);
  CO_TRY(co_await stream.handshake(std::move(engine), scope));
  if (h2 && stream.tls()->alpn() != "h2") {
    co_return fail(Errc::kTls, Origin::kUpstream, "tls_protocol_error",
                   name_ + " does not speak HTTP/2 (no ALPN agreement)");
  }
  if (!h1_only) spoken_ = stream.tls()->alpn() == "h2" ? Spoken::kHttp2 : Spoken::kHttp1;
  co_return Status{};
}

bool Endpoint::speaks_h2(const Stream& stream) const noexcept {
  if (stream.tls() != nullptr) return stream.tls()->alpn() == "h2";
  return context_.protocol == config::Protocol::kHttp2;  // prior knowledge (RFC 9113 3.3)
}

H2Connection* Endpoint::h2_with_room() noexcept {
  H2Connection* best = nullptr;
  for (const auto& connection : h2_) {
    if (!connection->can_take()) continue;
    if (best == nullptr || connection->live() < best->live()) best = connection.get();
  }
  return best;
}

H2Connection& Endpoint::add_h2(std::unique_ptr<Stream> stream) {
  H2ConnectionSettings settings;
  settings.head = kAnswerLimits;
  settings.streams = context_.limits.streams_per_connection;
  if (context_.write_stall) settings.write_stall = *context_.write_stall;
  auto slot = std::make_shared<const H2Connection*>(nullptr);
  h2_.push_back(std::make_unique<H2Connection>(std::move(stream), settings,
                                               [this, slot] { drop_h2(*slot); }));
  *slot = h2_.back().get();
  h2_.back()->on_room([this] { next_in_line(); });
  if (!Timer::armed()) context_.loop.arm(*this, context_.limits.idle);
  return *h2_.back();
}

void Endpoint::drop_h2(const H2Connection* connection) {
  const auto at = std::ranges::find(h2_, connection, &std::unique_ptr<H2Connection>::get);
  if (at == h2_.end()) return;
  const std::unique_ptr<H2Connection> gone = std::move(*at);
  h2_.erase(at);
  next_in_line();
}

std::unique_ptr<H1Connection> Endpoint::make_h1(std::unique_ptr<Stream> stream) {
  ++h1_open_;
  return std::make_unique<H1Connection>(std::move(stream), kAnswerLimits, context_.write_stall);
}

std::unique_ptr<H1Connection> Endpoint::take_idle() {
  while (!idle_.empty()) {
    std::unique_ptr<H1Connection> connection = std::move(idle_.back().connection);
    idle_.pop_back();
    connection->stream().observe(Stream::Watch::kNothing);
    if (connection->reusable()) return connection;
    --h1_open_;
  }
  return nullptr;
}

void Endpoint::give_back(std::unique_ptr<H1Connection> connection) {
  if (retired_ || !connection->reusable()) {
    --h1_open_;
    connection.reset();
    next_in_line();
    return;
  }
  // Any event on an idle connection ends it: bytes would answer a request that nobody made.
  connection->stream().observe(Stream::Watch::kAnyEvent,
                               [this, idle = connection.get()] { drop_idle(idle); });
  idle_.push_back({std::move(connection), context_.loop.now()});
  if (!Timer::armed()) context_.loop.arm(*this, context_.limits.idle);
  next_in_line();
}

void Endpoint::drop_idle(const H1Connection* connection) {
  const auto at = std::ranges::find_if(
      idle_, [connection](const Idle& idle) { return idle.connection.get() == connection; });
  if (at == idle_.end()) return;
  --h1_open_;
  const std::unique_ptr<H1Connection> gone = std::move(at->connection);
  idle_.erase(at);
}

// Closes what has been idle for too long; runs again while connections remain.
void Endpoint::on_fire() {
  const TimePoint now = context_.loop.now();
  const auto expired = [&](TimePoint since) { return now - since >= context_.limits.idle; };
  while (!idle_.empty() && expired(idle_.front().since)) drop_idle(idle_.front().connection.get());
  for (const auto& connection : h2_) {
    if (connection->live() == 0 && expired(connection->idle_since())) connection->drain();
  }
  if (idle_.empty() && h2_.empty()) return;
  const Duration oldest = idle_.empty() ? Duration{0} : now - idle_.front().since;
  context_.loop.arm(*this, std::max<Duration>(context_.limits.idle - oldest, 10ms));
}

void Endpoint::retire() {
  retired_ = true;
  while (!idle_.empty()) drop_idle(idle_.back().connection.get());
  for (const auto& connection : h2_) connection->drain();
}

}  // namespace outrigger::upstream
