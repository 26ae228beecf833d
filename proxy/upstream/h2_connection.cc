#include "proxy/upstream/h2_connection.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2_body.h"
#include "proxy/http/h2_link.h"
#include "proxy/http/h2_session.h"
#include "proxy/http/status.h"
#include "proxy/http/websocket.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::upstream {
namespace {

using http::H2Session;
using http::H2StreamPtr;

http::H2SessionSettings session_settings(const H2ConnectionSettings& settings) {
  http::H2SessionSettings session;
  session.role = http::H2Role::kClient;
  session.head = settings.head;
  session.abuse.head_bytes = settings.head.head_bytes;
  return session;
}

// Sends a request body that is not in memory, beside whatever awaits the response. Destroying it
// stops it.
class Pump {
 public:
  Pump(Dispatcher& loop, H2StreamPtr stream, http::Body& body, Duration stall) : tasks_(loop) {
    tasks_.spawn(run(std::move(stream), body, loop, stall));
  }

 private:
  Task<void> run(H2StreamPtr stream, http::Body& body, Dispatcher& loop, Duration stall) {
    http::H2Sent sent = co_await http::h2_send_body(*stream, body, loop, scope_, stall);
    if (sent.status || stream->session == nullptr) co_return;
    stream->session->cancel(*stream, std::move(sent.status).error());
  }

  CancelScope scope_;  // not the attempt's, which may end when the response head is there
  TaskGroup tasks_;
};

// Resets a stream whose exchange is not over, and says so as early as the reader of it is gone.
void let_go(http::H2Stream& stream) {
  H2Session::abandon(stream);
  const bool over = stream.in_ended && stream.out_ended;
  if (stream.session != nullptr && !over) stream.session->reset(stream, NGHTTP2_CANCEL);
}

}  // namespace

class H2Connection::Core final : public std::enable_shared_from_this<Core>,
                                 private http::H2LinkOwner,
                                 private Timer {
 public:
  Core(std::unique_ptr<Stream> stream, const H2ConnectionSettings& settings,
       std::function<void()> on_closed);

  void start();
  // The connection's owner is gone.
  void shut();
  void drain();
  void on_room(std::function<void()> callback) { on_room_ = std::move(callback); }
  static Task<Result<http::Response>> exchange(std::shared_ptr<Core> core, http::Request& request,
                                               CancelScope& scope, RequestProgress* progress);

  [[nodiscard]] bool can_take() const noexcept {
    return !draining_ && session_.can_request() && session_.live() < settings_.streams;
  }
  [[nodiscard]] bool closing() const noexcept { return draining_ || session_.closing(); }
  [[nodiscard]] std::size_t live() const noexcept { return session_.live(); }
  [[nodiscard]] TimePoint idle_since() const noexcept { return idle_since_; }

 private:
  struct Call;
  class ResponseBody;

  Task<void> read();
  Task<void> write();
  void died(const Status& status);
  void tell(std::function<void()> Core::* callback);
  Task<Status> peer_settings(CancelScope& scope);
  Status begin(Call& call, http::Request& request);
  static Task<Result<http::ResponseHead>> await_head(Call& call, CancelScope& scope);
  Result<http::Response> respond(Call& call, http::ResponseHead head, const http::RequestHead& of);
  [[nodiscard]] Error with_phase(Error error, const http::H2Stream& stream) const;
  Task<void> await_end(H2StreamPtr stream);
  [[nodiscard]] std::string_view scheme() const noexcept {
    return stream_->tls() != nullptr ? "https" : "http";
  }

  void on_stream(const H2StreamPtr&) override {}
  void on_turn() override;
  [[nodiscard]] bool may_read() const override { return true; }
  void on_fire() override;

  H2ConnectionSettings settings_;
  std::function<void()> on_closed_;
  std::function<void()> on_room_;
  std::unique_ptr<Stream> stream_;
  H2Session session_;
  http::H2Link link_;
  CancelScope scope_;
  bool draining_ = false;
  bool dead_ = false;
  bool busy_ = false;            // exchanges were running at the end of the last turn
  std::size_t live_before_ = 0;  // at the last turn
  bool full_ = false;            // ... and there was no room for another
  TimePoint idle_since_;
  std::optional<TimePoint> pinged_at_;
  std::vector<Signal*> settings_waiters_;
  TaskGroup tasks_;  // last: torn down first
};

// What is left of an exchange whose head is there. While the stream has its session, so has the
// core.
class H2Connection::Core::ResponseBody final : public http::H2BodySource {
 public:
  ResponseBody(Core& core, H2StreamPtr stream, std::unique_ptr<Pump> pump,
               std::optional<std::uint64_t> length)
      : H2BodySource(core.link_.loop(), std::move(stream)),
        core_(core),
        pump_(std::move(pump)),
        length_(length) {}
  ~ResponseBody() override {
    if (lacks_only_its_end()) {
      core_.tasks_.spawn(core_.await_end(stream()));
    } else {
      let_go(*stream());
    }
  }

 private:
  [[nodiscard]] bool lacks_only_its_end() const noexcept {
    const http::H2Stream& it = *stream();
    return it.session != nullptr && !it.failure && it.out_ended && !it.in_ended && it.in.empty() &&
           taken() == length_;
  }

  Core& core_;
  std::unique_ptr<Pump> pump_;
  std::optional<std::uint64_t> length_;
};

// One exchange until its head is there; after that the response holds what is needed.
struct H2Connection::Core::Call final : http::H2SentObserver {
  explicit Call(RequestProgress* its_progress) : progress(its_progress) {}
  ~Call() {
    if (stream == nullptr) return;
    stream->sent_observer = nullptr;
    if (!answered) let_go(*stream);
  }
  void on_end_sent() override {
    if (progress != nullptr) progress->on_request_sent();
  }
  RequestProgress* progress;
  H2StreamPtr stream;
  std::unique_ptr<Pump> pump;
  bool tunnel = false;
  bool answered = false;
};

H2Connection::Core::Core(std::unique_ptr<Stream> stream, const H2ConnectionSettings& settings,
                         std::function<void()> on_closed)
    : settings_(settings),
      on_closed_(std::move(on_closed)),
      stream_(std::move(stream)),
      session_(session_settings(settings)),
      link_(*stream_, session_, *this, settings.write_stall),
      idle_since_(link_.loop().now()),
      tasks_(link_.loop()) {}

void H2Connection::Core::start() {
  tasks_.spawn(write());
  tasks_.spawn(read());
}

Task<void> H2Connection::Core::read() {
  Status status = co_await link_.read_loop({}, scope_);
  died(status);
}

Task<void> H2Connection::Core::write() {
  Status status = co_await link_.write_loop(scope_);
  died(status);
}

void H2Connection::Core::died(const Status& status) {
  if (std::exchange(dead_, true)) return;
  disarm();
  Error error{Errc::kReset, Origin::kUpstream, Phase::kNoConnection, "connection_terminated",
              session_.complaint()};
  if (!status) {
    error = status.error();
  } else if (error.detail.empty()) {
    error.code = Errc::kClosed;
    error.detail = "the upstream closed the HTTP/2 connection";
  }
  session_.abort(error);
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "connection_finished"});
  tell(&Core::on_closed_);
}

// From the loop: the owner may destroy us, and tasks of ours may be on the stack.
void H2Connection::Core::tell(std::function<void()> Core::* callback) {
  link_.loop().at_batch_end([weak = weak_from_this(), callback] {
    const std::shared_ptr<Core> core = weak.lock();
    if (core == nullptr || !((*core).*callback)) return;
    const std::function<void()> told = (*core).*callback;
    told();
  });
}

void H2Connection::Core::shut() {
  on_closed_ = {};
  on_room_ = {};
  dead_ = true;
  disarm();
  session_.abort(
      Error{Errc::kCancelled, Origin::kProxy, Phase::kNoConnection, "connection_closed", {}});
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "connection_finished"});
  // The turn that abort() asked for wakes whoever reads from here: it comes before this.
  link_.schedule();
  link_.loop().at_batch_end([core = shared_from_this()] {});
}

void H2Connection::Core::drain() {
  draining_ = true;
  link_.schedule();
}

void H2Connection::Core::on_turn() {
  const bool busy = session_.live() > 0;
  if (busy_ && !busy) idle_since_ = link_.loop().now();
  busy_ = busy;
  const std::shared_ptr<Core> self = settings_waiters_.empty() ? nullptr : shared_from_this();
  if (!dead_) {
    if (busy && !armed()) link_.loop().arm(*this, settings_.ping_after);
    if (!busy && closing()) session_.terminate(NGHTTP2_NO_ERROR);
    // Also when it was not seen to be full: whoever waits may have come between two turns.
    const bool was_full = std::exchange(full_, !can_take());
    const bool fewer = session_.live() < std::exchange(live_before_, session_.live());
    if (!full_ && (was_full || fewer) && on_room_) on_room_();
  }
  if (!dead_ && !session_.settings_received()) return;
  while (!settings_waiters_.empty()) {
    Signal* waiter = settings_waiters_.back();
    settings_waiters_.pop_back();
    waiter->notify();
  }
}

// Exchanges run and nothing may have come for long: is the upstream still there?
void H2Connection::Core::on_fire() {
  if (session_.live() == 0) return;
  const TimePoint now = link_.loop().now();
  const Duration silence = now - link_.last_read();
  if (session_.pings_waiting() > 0 && pinged_at_ && link_.last_read() < *pinged_at_) {
    return died(fail(Errc::kTimeout, Origin::kUpstream, "connection_read_timeout",
                     "the upstream does not answer PING"));
  }
  const Duration quiet_left = settings_.ping_after - silence;
  const Duration ping_left = pinged_at_ ? *pinged_at_ + settings_.ping_again - now : Duration{0};
  if (quiet_left > Duration{0} || ping_left > Duration{0}) {
    return link_.loop().arm(*this, quiet_left > ping_left ? quiet_left : ping_left);
  }
  session_.ping();
  pinged_at_ = now;
  link_.loop().arm(*this, settings_.ping_wait);
}

// ---- exchanges ----

Task<Result<http::Response>> H2Connection::Core::exchange(std::shared_ptr<Core> core,
                                                          http::Request& request,
                                                          CancelScope& scope,
                                                          RequestProgress* progress) {
  Call call(progress);
  if (!request.head.protocol.empty()) CO_TRY(co_await core->peer_settings(scope));
  CO_TRY(core->begin(call, request));
  Result<http::ResponseHead> head = co_await await_head(call, scope);
  if (!head) {
    co_return std::unexpected(core->with_phase(std::move(head).error(), *call.stream));
  }
  co_return core->respond(call, std::move(*head), request.head);
}

// Whether the upstream takes extended CONNECT is only known from its SETTINGS (RFC 8441 3).
Task<Status> H2Connection::Core::peer_settings(CancelScope& scope) {
  struct Waiter {
    explicit Waiter(Core& owner) : core(owner) {}
    ~Waiter() { std::erase(core.settings_waiters_, &signal); }
    Core& core;
    Signal signal;
  } waiter(*this);
  while (!session_.settings_received() && !dead_) {
    settings_waiters_.push_back(&waiter.signal);
    CO_TRY(co_await waiter.signal.wait(scope));
  }
  // begin() says why nothing can be sent on a dead connection.
  if (dead_ || session_.connect_protocol()) co_return Status{};
  Error error{Errc::kProtocol, Origin::kUpstream, Phase::kNothingAccepted, "http_upgrade_failed",
              "the upstream does not take extended CONNECT (RFC 8441)"};
  co_return std::unexpected(std::move(error));
}

Status H2Connection::Core::begin(Call& call, http::Request& request) {
  if (closing()) {
    Error error{Errc::kReset, Origin::kUpstream, Phase::kNothingAccepted, "connection_terminated",
                "the HTTP/2 connection is closing"};
    return std::unexpected(std::move(error));
  }
  call.tunnel = request.head.method == http::Method::kConnect || !request.head.protocol.empty();
  const bool none = !call.tunnel && request.body.ended();
  if (call.progress != nullptr) call.progress->on_sending();
  Result<H2StreamPtr> opened = session_.request(
      request.head, scheme(), none ? H2Session::Body::kNone : H2Session::Body::kFollows);
  if (!opened) {
    opened.error().phase = Phase::kNothingAccepted;
    return std::unexpected(std::move(opened).error());
  }
  call.stream = std::move(*opened);
  call.stream->sent_observer = &call;
  if (none || call.tunnel) return {};
  if (const Slice* whole = request.body.whole()) {
    // Left in place, for another attempt.
    session_.send(*call.stream, *whole);
    session_.end(*call.stream);
  } else {
    call.pump =
        std::make_unique<Pump>(link_.loop(), call.stream, request.body, settings_.write_stall);
  }
  return {};
}

Task<Result<http::ResponseHead>> H2Connection::Core::await_head(Call& call, CancelScope& scope) {
  http::H2Stream& stream = *call.stream;
  for (;;) {
    while (!stream.interims.empty()) {
      http::ResponseHead head = std::move(stream.interims.front());
      stream.interims.erase(stream.interims.begin());
      if (call.progress != nullptr) CO_TRY(co_await call.progress->on_interim(std::move(head)));
    }
    if (stream.head_done) co_return std::move(stream.response);
    if (stream.failure) co_return std::unexpected(*stream.failure);
    CO_TRY(co_await stream.readable.wait(scope));
  }
}

Result<http::Response> H2Connection::Core::respond(Call& call, http::ResponseHead head,
                                                   const http::RequestHead& of) {
  call.answered = true;
  http::H2Stream& stream = *call.stream;
  http::Response response;
  response.head = std::move(head);
  if (call.tunnel && http::is_success(response.head.status)) {
    if (of.method != http::Method::kConnect) {
      response.head.status = 101;
      response.head.headers.add("Upgrade", of.protocol);
      if (const http::Field* key = of.headers.find("sec-websocket-key")) {
        response.head.headers.add("Sec-WebSocket-Accept", http::websocket_accept(key->value));
      }
    }
    response.tunnel = std::make_unique<http::H2Tunnel>(link_.loop(), call.stream);
    return response;
  }
  if (call.tunnel) session_.end(stream);
  const bool complete = stream.in_ended && stream.trailers == nullptr;
  if (complete && stream.in.size() <= 1) {
    if (!stream.in.empty()) response.body = http::Body(H2Session::take(stream));
    let_go(stream);
  } else {
    const auto length = http::h2_content_length(response.head.headers);
    response.body = http::Body(
        std::make_unique<ResponseBody>(*this, call.stream, std::move(call.pump), length), length);
  }
  return response;
}

// END_STREAM may come in a frame of its own behind an answer whose reader, an HTTP/1 client, has
// all that its length promised. A reset would count as an attack with the upstream
// (CVE-2023-44487).
Task<void> H2Connection::Core::await_end(H2StreamPtr stream) {
  CancelScope timed(scope_);
  DeadlineTimer timer(link_.loop(), timed);
  timer.start(settings_.end_wait, {Errc::kTimeout, Origin::kUpstream, "connection_read_timeout"});
  while (!stream->in_ended && !stream->failure) {
    if (!co_await stream->readable.wait(timed)) break;
  }
  let_go(*stream);
}

// How far the request provably got; as on HTTP/1, a reset of the connection proves nothing.
Error H2Connection::Core::with_phase(Error error, const http::H2Stream& stream) const {
  if (stream.head_done) {
    error.phase = Phase::kAnswered;
    return error;
  }
  const std::optional<std::uint64_t> acknowledged = stream_->bytes_acknowledged();
  const bool closed_before =
      error.code == Errc::kClosed && acknowledged && *acknowledged <= stream.written_before;
  const bool untouched = !stream.head_framed || error.reason == "stream_refused" || closed_before;
  if (untouched) {
    error.phase = Phase::kNothingAccepted;
  } else {
    error.phase = stream.end_framed ? Phase::kFullyWritten : Phase::kPartlyWritten;
  }
  return error;
}

// ---- the public face ----

H2Connection::H2Connection(std::unique_ptr<Stream> stream, const H2ConnectionSettings& settings,
                           std::function<void()> on_closed)
    : core_(std::make_shared<Core>(std::move(stream), settings, std::move(on_closed))) {
  core_->start();
}
H2Connection::~H2Connection() {
  core_->shut();
}
bool H2Connection::can_take() const noexcept {
  return core_->can_take();
}
bool H2Connection::closing() const noexcept {
  return core_->closing();
}
std::size_t H2Connection::live() const noexcept {
  return core_->live();
}
TimePoint H2Connection::idle_since() const noexcept {
  return core_->idle_since();
}
Task<Result<http::Response>> H2Connection::exchange(http::Request& request, CancelScope& scope,
                                                    RequestProgress* progress) {
  return Core::exchange(core_, request, scope, progress);
}
void H2Connection::drain() {
  core_->drain();
}
void H2Connection::on_room(std::function<void()> callback) {
  core_->on_room(std::move(callback));
}

}  // namespace outrigger::upstream
