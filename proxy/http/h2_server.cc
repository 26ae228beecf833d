#include "proxy/http/h2_server.h"

#include <optional>
#include <utility>

#include "proxy/http/h2_body.h"
#include "proxy/http/h2_link.h"
#include "proxy/http/h2_session.h"
#include "proxy/http/status.h"
#include "proxy/http/tunnel.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::http {
namespace {

// Between the GOAWAY that announces the end and the one that names the last stream: time for
// requests that are on their way (RFC 9113 6.8).
constexpr Duration kDrainNotice = 1s;
// How long the last frames may take to leave, and how long a client may go on sending after them,
// so that it reads our GOAWAY instead of a reset.
constexpr Duration kFlushTime = 2s;
constexpr Duration kLingerTime = 1s;
constexpr std::size_t kLingerBytes = 1024 * 1024;

H2SessionSettings session_settings(const ServerSettings& settings) {
  H2SessionSettings session;
  session.role = H2Role::kServer;
  session.streams = settings.streams_per_connection;
  session.head = {settings.head_bytes, settings.field_bytes, settings.fields};
  session.abuse.head_bytes = settings.head_bytes;
  return session;
}

bool is_grpc(const RequestHead& head) noexcept {
  return head.headers.get(HeaderId::kContentType).starts_with("application/grpc");
}

}  // namespace

class H2Server::Core final : private H2LinkOwner, private Timer {
 public:
  Core(Stream& stream, const ServerSettings& settings, ExchangeHandler& handler,
       const ClientInfo& client);

  Task<void> run(Slice initial, CancelScope& connection);
  void drain();
  [[nodiscard]] std::size_t live() const noexcept { return running_; }

 private:
  class Sink;
  class RequestBody;
  struct Exchange;

  Task<void> write(CancelScope& reading);
  Task<void> exchange(H2StreamPtr stream);
  Task<void> refuse(H2StreamPtr stream, Sink& sink, CancelScope& scope);
  [[nodiscard]] Body request_body(const H2StreamPtr& stream, bool continue_due);
  Task<void> wind_down(Status read, CancelScope& connection);
  Task<void> linger(CancelScope& connection);

  void on_stream(const H2StreamPtr& stream) override;
  void on_turn() override;
  [[nodiscard]] bool may_read() const override {
    // Exchanges may outlive their streams: a client that opens and resets must wait for them.
    return running_ <= std::size_t{settings_.streams_per_connection} * 2;
  }
  void on_fire() override;
  void due_at(TimePoint when);
  void check_times();
  bool due(TimePoint when);
  [[nodiscard]] Duration idle_time() const noexcept {
    return served_ ? settings_.keep_alive_idle : settings_.first_request_idle;
  }
  void advance_drain();

  Stream& stream_;
  const ServerSettings& settings_;
  ExchangeHandler& handler_;
  const ClientInfo& client_;
  H2Session session_;
  H2Link link_;
  CancelScope* exchanges_ = nullptr;  // parent of every exchange's scope
  CancelScope writing_;
  Signal idle_;  // the writer, or every task, has ended
  std::size_t running_ = 0;
  bool writer_done_ = false;
  bool served_ = false;  // a request came
  enum class Drain { kNo, kAnnounced, kFinal } drain_ = Drain::kNo;
  TimePoint started_;
  TimePoint timer_due_;
  TimePoint drain_final_at_;
  std::optional<TimePoint> quiet_since_;  // no stream is open
  std::optional<TimePoint> head_since_;   // a header block is incomplete
  TaskGroup tasks_;                       // last: torn down first
};

// Takes the answer of one exchange.
class H2Server::Core::Sink final : public ResponseSink {
 public:
  Sink(Core& server, H2StreamPtr stream)
      : server_(server), stream_(std::move(stream)), method_(stream_->request.method) {}

  Task<Status> interim(ResponseHead head, CancelScope& scope) override;
  Task<Delivery> send(Response response, CancelScope& scope) override;

  [[nodiscard]] bool answered() const noexcept { return answered_; }

 private:
  Task<void> send_tunnel(Response& response, CancelScope& scope, Delivery& delivery);
  Task<void> send_body(Response& response, CancelScope& scope, Delivery& delivery);
  [[nodiscard]] bool bodyless(const Response& response) const noexcept {
    return method_ == Method::kHead || has_no_content(response.head.status) ||
           (response.body.ended() && response.body.trailers() == nullptr);
  }

  Core& server_;
  H2StreamPtr stream_;
  Method method_;
  bool answered_ = false;  // the answer is complete
};

// The body of a request whose client may wait for leave to send it.
class H2Server::Core::RequestBody final : public H2BodySource {
 public:
  RequestBody(Dispatcher& loop, H2StreamPtr stream, H2Pace pace, bool continue_due)
      : H2BodySource(loop, std::move(stream), pace), continue_due_(continue_due) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    if (std::exchange(continue_due_, false) && !ready()) tell_to_go_on();
    return H2BodySource::read(scope);
  }

 private:
  void tell_to_go_on() {
    H2Session* session = stream()->session;
    if (session == nullptr || stream()->answering) return;
    ResponseHead head;
    head.status = 100;
    (void)session->interim(*stream(), head);
  }
  bool continue_due_;
};

Task<Status> H2Server::Core::Sink::interim(ResponseHead head, CancelScope&) {
  // 100 is ours to send: when the handler reads the body.
  if (stream_->session == nullptr || stream_->answering || head.status == 100) co_return Status{};
  co_return stream_->session->interim(*stream_, head);
}

Task<Delivery> H2Server::Core::Sink::send(Response response, CancelScope& scope) {
  Delivery delivery;
  const bool none = response.tunnel == nullptr && bodyless(response);
  delivery.status = server_.session_.respond(
      *stream_, response.head, none ? H2Session::Body::kNone : H2Session::Body::kFollows);
  if (!delivery.status) co_return delivery;
  stream_->answering = true;
  if (response.tunnel != nullptr) {
    co_await send_tunnel(response, scope, delivery);
  } else if (const Slice* whole = none ? nullptr : response.body.whole()) {
    delivery.body_bytes = whole->size();
    delivery.chunks = 1;
    server_.session_.send(*stream_, *whole);
    server_.session_.end(*stream_);
  } else if (!none) {
    co_await send_body(response, scope, delivery);
  }
  if (delivery.status) {
    delivery.status = co_await h2_wait(*stream_, H2Until::kEndSent, server_.link_.loop(), scope,
                                       server_.settings_.write_stall);
  }
  delivery.http_status = stream_->head_sent ? response.head.status : 0;
  delivery.first_byte = stream_->head_sent_at;
  answered_ = delivery.status.has_value();
  if (!answered_) server_.session_.reset(*stream_, NGHTTP2_INTERNAL_ERROR);
  co_return delivery;
}

Task<void> H2Server::Core::Sink::send_body(Response& response, CancelScope& scope,
                                           Delivery& delivery) {
  H2Sent sent = co_await h2_send_body(*stream_, response.body, server_.link_.loop(), scope,
                                      server_.settings_.write_stall);
  delivery.status = std::move(sent.status);
  delivery.body_bytes = sent.bytes;
  delivery.chunks = sent.chunks;
  // What came before the failure is the client's, and the last of it says what failed.
  if (!delivery.status && !scope.cancelled()) {
    (void)co_await h2_wait(*stream_, H2Until::kFramed, server_.link_.loop(), scope,
                           server_.settings_.write_stall);
  }
}

Task<void> H2Server::Core::Sink::send_tunnel(Response& response, CancelScope& scope,
                                             Delivery& delivery) {
  H2Tunnel client(server_.link_.loop(), stream_);
  Shuttled shuttled = co_await shuttle(server_.link_.loop(), client, *response.tunnel, scope);
  delivery.status = std::move(shuttled.status);
  delivery.body_bytes = shuttled.to_client;
}

H2Server::Core::Core(Stream& stream, const ServerSettings& settings, ExchangeHandler& handler,
                     const ClientInfo& client)
    : stream_(stream),
      settings_(settings),
      handler_(handler),
      client_(client),
      session_(session_settings(settings)),
      link_(stream, session_, *this, settings.write_stall),
      started_(stream.event_loop().now()),
      tasks_(stream.event_loop()) {
  tasks_.on_empty([this] { idle_.notify(); });
}

Task<void> H2Server::Core::run(Slice initial, CancelScope& connection) {
  CancelScope exchanges(connection);
  CancelScope reading(connection);
  exchanges_ = &exchanges;
  on_turn();
  link_.schedule();
  tasks_.spawn(write(reading));
  Status read = co_await link_.read_loop(std::move(initial), reading);
  disarm();
  co_await wind_down(std::move(read), connection);
  exchanges_ = nullptr;
}

// Writes until the session ends or the client takes no more; then reading ends too.
Task<void> H2Server::Core::write(CancelScope& reading) {
  (void)co_await link_.write_loop(writing_);
  writer_done_ = true;
  reading.cancel({Errc::kCancelled, Origin::kProxy, "connection_finished"});
  if (idle_.waiting()) idle_.notify();
}

Task<void> H2Server::Core::wind_down(Status read, CancelScope& connection) {
  // A session that ended itself still owes the client its GOAWAY.
  const bool client_left = read ? !session_.finished() : read.error().code == Errc::kReset;
  if (!client_left && !writer_done_ && !connection.cancelled()) {
    DeadlineTimer timer(link_.loop(), writing_);
    timer.start(kFlushTime, {Errc::kTimeout, Origin::kClient, "connection_write_timeout"});
    session_.terminate(NGHTTP2_NO_ERROR);
    CancelScope patience(connection);
    while (!writer_done_ && !connection.cancelled()) (void)co_await idle_.wait(patience);
  }
  session_.abort(Error{Errc::kReset, Origin::kClient, Phase::kNoConnection, "client_gone", {}});
  exchanges_->cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  writing_.cancel({Errc::kCancelled, Origin::kProxy, "connection_finished"});
  CancelScope never;
  while (!tasks_.empty()) (void)co_await idle_.wait(never);
  if (!client_left && !connection.cancelled() && !stream_.peer_closed()) {
    co_await linger(connection);
  }
}

Task<void> H2Server::Core::linger(CancelScope& connection) {
  CancelScope patience(connection);
  DeadlineTimer timer(link_.loop(), patience);
  timer.start(kLingerTime, {Errc::kTimeout, Origin::kClient, "linger"});
  Status finished = co_await stream_.finish(patience);
  for (std::size_t discarded = 0; finished && discarded < kLingerBytes;) {
    Result<Slice> bytes = co_await stream_.read(patience);
    if (!bytes || bytes->empty()) co_return;
    discarded += bytes->size();
  }
}

// ---- exchanges ----

// Ties a stream to the scope of its exchange for as long as the exchange runs, torn down or not.
struct H2Server::Core::Exchange {
  Exchange(Core& owner, H2StreamPtr its_stream)
      : core(owner), stream(std::move(its_stream)), scope(*owner.exchanges_) {
    stream->scope = &scope;
    ++core.running_;
  }
  ~Exchange() {
    stream->scope = nullptr;
    --core.running_;
  }
  Core& core;
  H2StreamPtr stream;
  CancelScope scope;
};

void H2Server::Core::on_stream(const H2StreamPtr& stream) {
  if (std::exchange(stream->opened, false)) {
    served_ = true;
    // A stream that was reset in the same read never happened.
    if (stream->session != nullptr) tasks_.spawn(exchange(stream));
  }
  if (stream->failure && !stream->reset_by_us && !stream->end_framed && stream->scope != nullptr) {
    stream->scope->cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  }
}

Task<void> H2Server::Core::exchange(H2StreamPtr stream) {
  Exchange running(*this, stream);
  Sink sink(*this, stream);
  if (stream->refusal) {
    co_await refuse(stream, sink, running.scope);
  } else {
    RequestHead& head = stream->request;
    const bool tunnel = head.method == Method::kConnect;
    const bool waits = equals_ignore_case(head.headers.get(HeaderId::kExpect), "100-continue");
    head.headers.remove(HeaderId::kExpect);
    Body body = tunnel ? Body() : request_body(stream, waits);
    co_await handler_.serve(Request{std::move(head), std::move(body)}, sink, client_,
                            running.scope);
  }
  // What the client still sends is of no use: it may stop (RFC 9113 8.1).
  H2Session::abandon(*stream);
  if (!sink.answered()) {
    session_.reset(*stream, NGHTTP2_INTERNAL_ERROR);
  } else if (!stream->in_ended) {
    session_.reset(*stream, NGHTTP2_NO_ERROR);
  }
  link_.schedule();  // reading may go on
}

Task<void> H2Server::Core::refuse(H2StreamPtr stream, Sink& sink, CancelScope& scope) {
  H2Session::abandon(*stream);
  const Refusal refusal = *stream->refusal;
  (void)co_await sink.send(handler_.refuse(refusal.status, refusal.code, refusal.detail, client_),
                           scope);
}

// A body that is there in whole is handed over as one buffer.
Body H2Server::Core::request_body(const H2StreamPtr& stream, bool continue_due) {
  if (stream->in_ended && stream->trailers == nullptr) {
    if (stream->in.empty()) return Body{};
    if (stream->in.size() == 1) return Body(H2Session::take(*stream));
  }
  H2Pace pace;
  if (!is_grpc(stream->request)) pace = {settings_.body_rate_bytes, settings_.body_rate_window};
  return {std::make_unique<RequestBody>(link_.loop(), stream, pace, continue_due),
          h2_content_length(stream->request.headers)};
}

// ---- time ----

void H2Server::Core::due_at(TimePoint when) {
  if (armed() && timer_due_ <= when) return;
  timer_due_ = when;
  link_.loop().arm(*this, when - link_.loop().now());
}

void H2Server::Core::on_turn() {
  const TimePoint now = link_.loop().now();
  if (session_.finished() || session_.terminated()) return;
  if (!session_.settings_acked()) due_at(started_ + settings_.head_time);
  if (!session_.head_open()) {
    head_since_.reset();
  } else if (!head_since_) {
    head_since_ = now;
    due_at(now + settings_.head_time);
  }
  if (session_.live() > 0 || running_ > 0) {
    quiet_since_.reset();
  } else if (!quiet_since_) {
    quiet_since_ = now;
    due_at(now + idle_time());
  }
  if (drain_ == Drain::kAnnounced && session_.pings_waiting() == 0) advance_drain();
}

void H2Server::Core::on_fire() {
  check_times();
  on_turn();
}

// Timers are armed early and never moved back: here it shows what is really due.
void H2Server::Core::check_times() {
  if (drain_ == Drain::kAnnounced && due(drain_final_at_)) advance_drain();
  if (!session_.settings_acked() && due(started_ + settings_.head_time)) {
    return session_.terminate(NGHTTP2_SETTINGS_TIMEOUT);
  }
  // Absolute, so that one byte now and then does not hold a connection (architecture 10,
  // Slowloris).
  if (head_since_ && due(*head_since_ + settings_.head_time)) {
    return session_.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  }
  if (quiet_since_ && due(*quiet_since_ + idle_time())) session_.terminate(NGHTTP2_NO_ERROR);
}

// Whether that moment has come; if not, wakes then.
bool H2Server::Core::due(TimePoint when) {
  if (link_.loop().now() >= when) return true;
  due_at(when);
  return false;
}

void H2Server::Core::drain() {
  if (drain_ != Drain::kNo) return;
  drain_ = Drain::kAnnounced;
  drain_final_at_ = link_.loop().now() + kDrainNotice;
  session_.announce_shutdown();
  // Its answer says that the client has read the announcement.
  session_.ping();
  due_at(drain_final_at_);
}

void H2Server::Core::advance_drain() {
  drain_ = Drain::kFinal;
  session_.refuse_new_streams();
}

// ---- the public face ----

H2Server::H2Server(Stream& stream, const ServerSettings& settings, ExchangeHandler& handler,
                   const ClientInfo& client)
    : core_(std::make_unique<Core>(stream, settings, handler, client)) {}
H2Server::~H2Server() = default;
Task<void> H2Server::run(Slice initial, CancelScope& connection) {
  return core_->run(std::move(initial), connection);
}
void H2Server::drain() {
  core_->drain();
}
std::size_t H2Server::live() const noexcept {
  return core_->live();
}

}  // namespace outrigger::http
