#include "proxy/http/h1_server.h"

#include <utility>

#include "proxy/http/h1_serializer.h"
#include "proxy/http/h1_writer.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/tunnel.h"

namespace outrigger::http {
namespace {

using Kind = BodyFraming::Kind;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// How long and how much a client may go on sending after its last answer, so that it reads that
// answer instead of a reset (RFC 9112 9.6).
constexpr Duration kLingerTime = 2s;
constexpr std::size_t kLingerBytes = 16 * 1024 * 1024;
// An unread request body of at most this is read to keep the connection.
constexpr std::uint64_t kDrainBytes = 64 * 1024;

HeadLimits head_limits(const ServerSettings& settings) {
  return {settings.head_bytes, settings.field_bytes, settings.fields};
}

}  // namespace

// The body of the request being served: tells the client to go on when it waits for that.
class H1Server::RequestBody final : public BodySource {
 public:
  explicit RequestBody(H1Server& server) noexcept : server_(server) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    if (server_.continue_due_) CO_TRY(co_await server_.send_continue(scope));
    co_return co_await server_.reader_.read(scope);
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !server_.continue_due_ && server_.reader_.ready();
  }
  [[nodiscard]] const Headers* trailers() const noexcept override {
    return server_.reader_.trailers();
  }

 private:
  H1Server& server_;
};

H1Server::H1Server(Stream& stream, const ServerSettings& settings, ExchangeHandler& handler,
                   const ClientInfo& client)
    : stream_(stream),
      settings_(settings),
      handler_(handler),
      client_(client),
      parser_(head_limits(settings)),
      reader_(stream, input_, head_limits(settings), Origin::kClient) {}

Task<void> H1Server::run(Slice initial, CancelScope& connection) {
  input_ = std::move(initial);
  while (persistent_ && (!draining_ || !input_.empty()) && !connection.cancelled()) {
    Heard heard;
    while ((heard = hear()) == Heard::kPart) {
      CancelScope idle(connection);
      idle_ = head_began_ ? nullptr : &idle;
      const Status more = co_await stream_.wait_readable(idle, head_patience());
      idle_ = nullptr;
      if (more) continue;
      heard = more.error().code == Errc::kTimeout && head_began_ ? Heard::kLate : Heard::kEnd;
      break;
    }
    if (heard == Heard::kLate) {
      co_await refuse(408, "request_head_timeout", "the request head took too long", connection);
    }
    if (heard == Heard::kEnd || heard == Heard::kLate) {
      if (!stream_.peer_closed()) (void)co_await stream_.finish(connection);
      co_return;
    }
    if (heard == Heard::kRefused) {
      const Refusal refusal = parser_.refusal();
      co_await refuse(refusal.status, refusal.code, refusal.detail, connection);
      break;
    }
    co_await exchange(connection);
    first_request_ = false;
  }
  if (whole_ && !connection.cancelled() && !stream_.peer_closed()) co_await linger(connection);
}

void H1Server::drain() {
  draining_ = true;
  // A request that has arrived unread is still answered.
  if (idle_ != nullptr && !stream_.input_waiting())
    idle_->cancel({Errc::kCancelled, Origin::kProxy, "draining"});
}

// The first bytes may take as long as an idle connection may live; the head is then bounded
// absolutely, so that one byte now and then does not hold a connection (architecture 10,
// Slowloris).
Duration H1Server::head_patience() const {
  if (!head_began_)
    return first_request_ ? settings_.first_request_idle : settings_.keep_alive_idle;
  const Duration left = *head_began_ + settings_.head_time - stream_.event_loop().now();
  return left > 1ms ? left : Duration{1ms};
}

// The next request, as far as its bytes are there.
H1Server::Heard H1Server::hear() {
  for (;;) {
    if (!input_.empty()) {
      const Heard heard = parse_input();
      if (heard != Heard::kPart) return heard;
    }
    Result<Slice> more = stream_.take();
    if (!more) return Heard::kEnd;
    if (more->empty()) return stream_.ended() ? Heard::kEnd : Heard::kPart;
    input_ = std::move(*more);
  }
}

H1Server::Heard H1Server::parse_input() {
  if (!partial_.empty()) partial_.append(input_.view());
  const std::string_view bytes = partial_.empty() ? input_.view() : partial_.view();
  const Progress progress = parser_.parse(bytes);
  if (progress == Progress::kComplete) return accept_head(bytes.size());
  if (progress == Progress::kRefused) return Heard::kRefused;
  if (parser_.started() && !head_began_) head_began_ = stream_.event_loop().now();
  if (partial_.empty()) partial_.append(bytes);
  input_ = {};
  return Heard::kPart;
}

// Takes the head off the `buffered` bytes it was parsed from; the rest stays in input_.
H1Server::Heard H1Server::accept_head(std::size_t buffered) {
  const std::size_t rest = buffered - parser_.size();
  const std::string_view bytes = partial_.empty() ? input_.view() : partial_.view();
  Slice copy = Slice::copy(bytes.substr(0, parser_.size()));
  input_.remove_prefix(input_.size() - rest);
  input_ = rest == 0 ? Slice{} : input_.compact();
  head_ = parser_.take(std::move(copy));
  partial_.clear();
  head_began_.reset();
  return Heard::kRequest;
}

Task<void> H1Server::exchange(CancelScope& connection) {
  method_ = head_.method;
  version_ = head_.version;
  answering_ = answered_ = false;
  const auto framing = request_framing(head_);
  if (!framing) {
    co_await refuse(framing.error().status, framing.error().code, framing.error().detail,
                    connection);
    co_return;
  }
  persistent_ = keep_alive(head_) && head_.method != Method::kConnect;
  continue_due_ = expects_continue(head_) && framing->kind != Kind::kNone && input_.empty();
  head_.headers.remove(HeaderId::kExpect);
  reader_.begin(*framing, MinimumPace{settings_.body_rate_bytes, settings_.body_rate_window});

  CancelScope scope(connection);
  const auto client_gone = [&scope] {
    scope.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  };
  stream_.observe(Stream::Watch::kClose, client_gone);
  if (stream_.peer_closed()) client_gone();
  Request request{std::move(head_), request_body(*framing)};
  co_await handler_.serve(std::move(request), *this, client_, scope);
  stream_.observe(Stream::Watch::kNothing);
  if (!answered_ || scope.cancelled()) {
    persistent_ = false;
    whole_ = false;
    co_return;
  }
  if (persistent_ && !reader_.complete()) co_await settle_request(connection);
}

// A body that is there in whole is handed over as one buffer.
Body H1Server::request_body(const BodyFraming& framing) {
  if (reader_.complete()) return Body{};
  if (std::optional<Slice> all = reader_.take_whole()) return Body(std::move(*all));
  std::optional<std::uint64_t> length;
  if (framing.kind == Kind::kLength) length = framing.length;
  return {std::make_unique<RequestBody>(*this), length};
}

Task<Status> H1Server::send_continue(CancelScope& scope) {
  continue_due_ = false;
  if (answering_) co_return Status{};
  co_return co_await stream_.write(kContinue, scope, settings_.write_stall);
}

// What the handler left of the request body stands between us and the next request.
Task<void> H1Server::settle_request(CancelScope& connection) {
  if (continue_due_) {  // the client may or may not send it: nothing tells the two apart
    persistent_ = false;
    co_return;
  }
  std::uint64_t read = 0;
  while (!reader_.complete() && read < kDrainBytes && reader_.ready()) {
    Result<Slice> bytes = co_await reader_.read(connection);
    if (!bytes) break;
    read += bytes->size();
  }
  persistent_ = reader_.complete();
}

Task<void> H1Server::refuse(int status, std::string_view code, std::string_view detail,
                            CancelScope& connection) {
  persistent_ = false;
  answering_ = false;
  (void)co_await send(handler_.refuse(status, code, detail, client_), connection);
}

Task<void> H1Server::linger(CancelScope& connection) {
  if (!co_await stream_.finish(connection)) co_return;
  CancelScope patience(connection);
  DeadlineTimer timer(stream_.event_loop(), patience);
  timer.start(kLingerTime, {Errc::kTimeout, Origin::kClient, "linger"});
  for (std::size_t discarded = 0; discarded < kLingerBytes;) {
    Result<Slice> bytes = co_await stream_.read(patience);
    if (!bytes || bytes->empty()) co_return;
    discarded += bytes->size();
  }
}

Task<Status> H1Server::interim(ResponseHead head, CancelScope& scope) {
  if (version_ == Version::kHttp10 || answering_) co_return Status{};
  if (head.status == 100) {
    if (!continue_due_) co_return Status{};
    continue_due_ = false;
  }
  out_.clear();
  CO_TRY(write_response(out_, head, BodyFraming{}, ConnectionOption::kKeepAlive, version_));
  co_return co_await stream_.write(out_.view(), scope, settings_.write_stall);
}

BodyFraming H1Server::answer_framing(const Response& response) const {
  const int status = response.head.status;
  if (method_ == Method::kHead || status == 204 || status == 304 || status < 200) return {};
  if (response.body.length()) return {Kind::kLength, *response.body.length()};
  if (version_ == Version::kHttp10) return {Kind::kUntilClose, 0};
  return {Kind::kChunked, 0};
}

Task<Delivery> H1Server::send(Response response, CancelScope& scope) {
  if (response.tunnel != nullptr) co_return co_await send_tunnel(std::move(response), scope);
  Delivery delivery;
  const BodyFraming framing = answer_framing(response);
  if (framing.kind == Kind::kUntilClose || draining_) persistent_ = false;
  // An unread body that cannot be skipped quickly ends the connection: say so.
  if (!reader_.complete() && !reader_.ready()) persistent_ = false;
  out_.clear();
  const auto option = persistent_ ? ConnectionOption::kKeepAlive : ConnectionOption::kClose;
  delivery.status = write_response(out_, response.head, framing, option, version_);
  if (!delivery.status) co_return delivery;
  answering_ = true;
  Written written;
  if (auto whole = whole_message(out_.view(), framing, response.body)) {
    const bool done = write_at_once(stream_, *whole);
    if (!done) co_await write_rest(stream_, *whole, scope, settings_.write_stall);
    written = std::move(whole->written);
  } else {
    response.head.headers = Headers();  // they are written, and the stream may live for long
    written =
        co_await write_message(stream_, out_, framing, response.body, scope, settings_.write_stall);
  }
  delivery.status = std::move(written.status);
  delivery.http_status = written.first_byte ? response.head.status : 0;
  delivery.body_bytes = written.body_bytes;
  delivery.chunks = written.chunks;
  delivery.first_byte = written.first_byte.value_or(TimePoint{});
  answered_ = delivery.status.has_value();
  // Without a length a plain FIN would look like the end of the answer.
  if (!answered_ && framing.kind == Kind::kUntilClose) stream_.abort_on_close();
  co_return delivery;
}

Task<Delivery> H1Server::send_tunnel(Response response, CancelScope& scope) {
  persistent_ = false;
  answering_ = true;
  Delivery delivery;
  out_.clear();
  const bool upgrade = response.head.status == 101;
  const auto option = upgrade ? ConnectionOption::kUpgrade : ConnectionOption::kKeepAlive;
  delivery.status = write_response(out_, response.head, BodyFraming{}, option, version_);
  if (delivery.status) {
    delivery.status = co_await stream_.write(out_.view(), scope, settings_.write_stall);
  }
  if (!delivery.status) co_return delivery;
  delivery.http_status = response.head.status;
  delivery.first_byte = stream_.event_loop().fresh_now();
  // From here on a half-close is the tunnel's business, not a client that left.
  stream_.observe(Stream::Watch::kNothing);
  StreamTunnel client(stream_, std::exchange(input_, {}));
  Shuttled shuttled = co_await shuttle(stream_.event_loop(), client, *response.tunnel, scope);
  delivery.status = std::move(shuttled.status);
  delivery.body_bytes = shuttled.to_client;
  answered_ = delivery.status.has_value();
  co_return delivery;
}

}  // namespace outrigger::http
