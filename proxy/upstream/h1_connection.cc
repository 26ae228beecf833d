#include "proxy/upstream/h1_connection.h"

#include <utility>

#include "proxy/http/h1_serializer.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/tunnel.h"
#include "proxy/http/websocket.h"

namespace outrigger::upstream {

using http::BodyFraming;
using http::Progress;
using Kind = http::BodyFraming::Kind;

namespace {

// The codes of the grammar are for requests: what an upstream breaks has the names of RFC 9209.
Error bad_head(const http::Refusal& refusal) {
  const bool too_large = refusal.code == "head_too_large" || refusal.code == "field_too_large" ||
                         refusal.code == "too_many_fields" ||
                         refusal.code == "status_line_too_long";
  return {Errc::kProtocol, Origin::kUpstream, Phase::kAnswered,
          too_large ? "http_response_header_section_size" : "http_protocol_error",
          std::string(refusal.detail)};
}

Status too_many_interim() {
  return fail(Errc::kProtocol, Origin::kUpstream, "http_protocol_error",
              "more than eight interim responses");
}

}  // namespace

H1Lease::H1Lease(H1Owner& owner, std::unique_ptr<H1Connection> connection) noexcept
    : owner_(&owner), connection_(std::move(connection)) {}

H1Lease::H1Lease(H1Lease&&) noexcept = default;

H1Lease::~H1Lease() {
  release();
}

void H1Lease::release() {
  if (connection_ != nullptr) owner_->give_back(std::move(connection_));
}

// The rest of a response; ends the lease with its last byte, so that the connection is free at
// once.
class H1Connection::ResponseBody final : public http::BodySource {
 public:
  explicit ResponseBody(H1Lease lease) noexcept : lease_(std::move(lease)) {}

  Task<Result<Slice>> read(CancelScope& scope) override {
    if (!lease_.held()) co_return Slice{};
    http::H1BodyReader& reader = lease_->reader_;
    Result<Slice> bytes = co_await reader.read(scope);
    if (!bytes) {
      Error error = std::move(bytes).error();
      error.phase = Phase::kAnswered;
      lease_->persistent_ = false;
      lease_.release();
      co_return std::unexpected(std::move(error));
    }
    if (!reader.complete()) co_return bytes;
    if (const http::Headers* trailers = reader.trailers()) trailers_ = *trailers;
    lease_.release();
    co_return bytes;
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !lease_.held() || lease_->reader_.ready();
  }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return trailers_.empty() ? nullptr : &trailers_;
  }

 private:
  H1Lease lease_;
  http::Headers trailers_;
};

class H1Connection::ResponseTunnel final : public http::Tunnel {
 public:
  explicit ResponseTunnel(H1Lease lease)
      : lease_(std::move(lease)), end_(*lease_->stream_, std::exchange(lease_->input_, {})) {}
  Task<Result<Slice>> read(CancelScope& scope) override { return end_.read(scope); }
  Task<Status> write(Slice bytes, CancelScope& scope) override {
    return end_.write(std::move(bytes), scope);
  }
  Task<Status> finish(CancelScope& scope) override { return end_.finish(scope); }

 private:
  H1Lease lease_;
  http::StreamTunnel end_;
};

// Ends the wait for the response head when the request's body fails beside it.
struct H1Connection::GiveUp {
  GiveUp(Dispatcher& loop, CancelScope& outer) noexcept : scope(outer), timer(loop, scope) {}
  CancelScope scope;
  DeadlineTimer timer;
};

H1Connection::~H1Connection() = default;

H1Connection::H1Connection(std::unique_ptr<Stream> stream, http::HeadLimits limits,
                           std::optional<Duration> write_stall)
    : stream_(std::move(stream)),
      write_stall_(write_stall),
      parser_(limits),
      reader_(*stream_, input_, limits, Origin::kUpstream),
      pump_(stream_->event_loop()) {}

bool H1Connection::reusable() const noexcept {
  return persistent_ && sent_ && reader_.complete() && input_.empty() && !stream_->peer_closed() &&
         !stream_->readable();
}

Task<Result<http::Response>> H1Connection::exchange(H1Lease lease, http::Request& request,
                                                    CancelScope& outer, RequestProgress& progress) {
  H1Connection& it = *lease;
  CancelScope& scope = it.begin(request, outer, progress);
  Status sent = outer.why() ? std::unexpected(outer.why()->error()) : it.send(request);
  if (it.unsent_) {
    co_await http::write_rest(*it.stream_, *it.unsent_, scope, it.write_stall_);
    sent = it.finish_sending();
  }
  // An upstream that refuses early may have answered before it closed: that answer counts.
  if (!sent && !it.may_have_answered(sent.error())) {
    co_return it.conclude(std::move(lease), std::unexpected(std::move(sent).error()), request.head);
  }
  for (int interim = 0;;) {
    Result<http::ResponseHead> head = it.hear();
    if (!head) co_return it.conclude(std::move(lease), std::move(head), request.head);
    if (head->status == 0) {
      if (Status more = co_await it.stream_->wait_readable(scope); !more) {
        co_return it.conclude(std::move(lease), std::unexpected(more.error()), request.head);
      }
    } else if (head->status >= 200 || head->status == 101) {
      co_return it.conclude(std::move(lease), std::move(head), request.head);
    } else {
      Status passed = ++interim > kMaxInterim ? too_many_interim() : Status{};
      http::remove_hop_by_hop(head->headers);
      if (passed) passed = co_await progress.on_interim(std::move(*head));
      if (!passed) {
        co_return it.conclude(std::move(lease), std::unexpected(passed.error()), request.head);
      }
    }
  }
}

CancelScope& H1Connection::begin(const http::Request& request, CancelScope& outer,
                                 RequestProgress& progress) {
  progress_ = &progress;
  persistent_ = answered_ = sent_ = switched_ = false;
  websocket_key_.clear();
  ++exchanges_;
  written_before_ = stream_->bytes_written();
  if (request.body.whole() != nullptr) return outer;
  give_up_ = std::make_unique<GiveUp>(stream_->event_loop(), outer);
  return give_up_->scope;
}

// Writes what is in memory, as far as the kernel takes it at once; a body that is not in memory is
// pumped beside the reading of the answer.
Status H1Connection::send(http::Request& request) {
  BodyFraming framing;
  if (!request.body.length()) {
    framing = {Kind::kChunked, 0};
  } else if (*request.body.length() > 0 || !http::is_safe(request.head.method)) {
    framing = {Kind::kLength, *request.body.length()};
  }
  if (Status status = write_head(request.head, framing); !status) return status;
  progress_->on_sending();
  if (request.body.whole() == nullptr) {
    pump_.spawn(pump(request, framing));
    return {};
  }
  auto whole = http::whole_message(out_.view(), framing, request.body);
  if (http::write_at_once(*stream_, *whole)) {
    if (whole->written.status) request_sent();
    return std::move(whole->written.status);
  }
  unsent_ = std::move(whole);
  return {};
}

Status H1Connection::finish_sending() {
  Status status = std::move(unsent_->written.status);
  unsent_.reset();
  if (status) request_sent();
  return status;
}

bool H1Connection::may_have_answered(const Error& error) const {
  return error.code == Errc::kReset && with_phase(error).phase >= Phase::kPartlyWritten;
}

// An extended CONNECT of HTTP/2 becomes the GET that opens a WebSocket here.
Status H1Connection::write_head(const http::RequestHead& head, const BodyFraming& framing) {
  out_.clear();
  if (head.protocol.empty()) {
    return http::write_request(out_, head, framing, http::ConnectionOption::kKeepAlive);
  }
  if (head.method != http::Method::kConnect) {
    return http::write_request(out_, head, framing, http::ConnectionOption::kUpgrade);
  }
  websocket_key_ = http::websocket_key();
  http::RequestHead get = head;
  get.method = http::Method::kGet;
  get.method_text = "GET";
  get.headers.set("Sec-WebSocket-Key", websocket_key_);
  return http::write_request(out_, get, BodyFraming{}, http::ConnectionOption::kUpgrade);
}

Task<void> H1Connection::pump(http::Request& request, BodyFraming framing) {
  http::Written written = co_await http::write_message(*stream_, out_, framing, request.body,
                                                       pump_scope_, write_stall_);
  if (written.status) {
    request_sent();
  } else if (give_up_ != nullptr &&
             (written.body_failed || written.status.error().code != Errc::kReset)) {
    // From the loop: whoever waits destroys the connection, and with it this frame.
    const Error& error = written.status.error();
    give_up_->timer.start(Duration{0}, {error.code, error.origin, error.reason});
  }
}

void H1Connection::request_sent() {
  sent_ = true;
  if (progress_ != nullptr) progress_->on_request_sent();
}

// The next response head, as far as its bytes are there; status 0 is "not yet".
Result<http::ResponseHead> H1Connection::hear() {
  for (;;) {
    if (!input_.empty()) {
      Result<http::ResponseHead> head = parse_input();
      if (!head || head->status != 0) return head;
    }
    Result<Slice> more = stream_->take();
    if (!more) return std::unexpected(std::move(more).error());
    if (more->empty()) {
      if (!stream_->ended()) return http::ResponseHead{};
      return fail(Errc::kClosed, Origin::kUpstream,
                  answered_ ? "http_response_incomplete" : "connection_terminated",
                  "the upstream closed the connection before its response");
    }
    answered_ = true;
    input_ = std::move(*more);
  }
}

Result<http::ResponseHead> H1Connection::parse_input() {
  if (!partial_.empty()) partial_.append(input_.view());
  const std::string_view bytes = partial_.empty() ? input_.view() : partial_.view();
  const Progress progress = parser_.parse(bytes);
  if (progress == Progress::kRefused) return std::unexpected(bad_head(parser_.refusal()));
  if (progress == Progress::kComplete) {
    const std::size_t rest = bytes.size() - parser_.size();
    Slice copy = Slice::copy(bytes.substr(0, parser_.size()));
    input_.remove_prefix(input_.size() - rest);
    if (rest == 0) input_ = {};
    partial_.clear();
    return parser_.take(std::move(copy));
  }
  if (partial_.empty()) partial_.append(bytes);
  input_ = {};
  return http::ResponseHead{};
}

// Ends the exchange: the lease goes on with what is left of the answer, or ends here.
Result<http::Response> H1Connection::conclude(H1Lease lease, Result<http::ResponseHead> head,
                                              const http::RequestHead& of) {
  progress_ = nullptr;
  give_up_.reset();
  unsent_.reset();
  Result<http::Response> response =
      head ? begin_response(std::move(*head), of) : std::unexpected(with_phase(head.error()));
  if (!response) {
    persistent_ = false;
  } else if (switched_) {
    response->tunnel = std::make_unique<ResponseTunnel>(std::move(lease));
  } else if (!reader_.complete()) {
    response->body =
        http::Body(std::make_unique<ResponseBody>(std::move(lease)), response->body.length());
  }
  return response;
}

Result<http::Response> H1Connection::begin_response(http::ResponseHead head,
                                                    const http::RequestHead& of) {
  if (head.status == 101) return switch_protocols(std::move(head), of);
  http::Response response;
  const auto framing =
      http::response_framing(head, websocket_key_.empty() ? of.method : http::Method::kGet);
  if (!framing) {
    return std::unexpected(bad_head(framing.error()));
  }
  persistent_ = http::keep_alive(head, *framing);
  http::remove_hop_by_hop(head.headers);
  reader_.begin(*framing);
  std::optional<std::uint64_t> length;
  if (framing->kind == Kind::kLength) length = framing->length;
  if (auto whole = reader_.take_whole()) {
    response.body = http::Body(std::move(*whole));
  } else if (!reader_.complete()) {
    response.body = http::Body(nullptr, length);  // exchange() puts the source in
  }
  response.head = std::move(head);
  return response;
}

Result<http::Response> H1Connection::switch_protocols(http::ResponseHead head,
                                                      const http::RequestHead& of) {
  if (of.protocol.empty() || head.headers.count(http::HeaderId::kUpgrade) != 1) {
    return std::unexpected(
        with_phase(Error{Errc::kProtocol, Origin::kUpstream, Phase::kNoConnection,
                         "http_upgrade_failed", "101 Switching Protocols was not asked for"}));
  }
  switched_ = true;
  reader_.begin(BodyFraming{});
  // The new protocol's name is the one hop-by-hop field that the client must see.
  const std::string_view protocol = head.headers.intern(head.headers.get(http::HeaderId::kUpgrade));
  http::remove_hop_by_hop(head.headers);
  http::Response response;
  if (websocket_key_.empty()) {
    head.headers.add("Upgrade", protocol);
  } else {
    const http::Field* accept = head.headers.find("sec-websocket-accept");
    if (accept == nullptr || accept->value != http::websocket_accept(websocket_key_)) {
      return std::unexpected(Error{Errc::kProtocol, Origin::kUpstream, Phase::kAnswered,
                                   "http_upgrade_failed",
                                   "Sec-WebSocket-Accept does not answer the key"});
    }
    head.headers.remove("sec-websocket-accept");
    head.status = 200;
    head.reason = {};
  }
  response.head = std::move(head);
  return response;
}

// How far this request provably got. A FIN that acknowledges none of it was sent before the
// upstream saw any of it; a reset proves nothing, because it acknowledges nothing that came before
// it.
Error H1Connection::with_phase(Error error) const {
  if (answered_) {
    error.phase = Phase::kFullyWritten;
    return error;
  }
  const bool none_written = stream_->bytes_written() == written_before_;
  const std::optional<std::uint64_t> acknowledged = stream_->bytes_acknowledged();
  const bool closed_before =
      error.code == Errc::kClosed && acknowledged && *acknowledged <= written_before_;
  if (none_written || closed_before) {
    error.phase = Phase::kNothingAccepted;
  } else {
    error.phase = sent_ ? Phase::kFullyWritten : Phase::kPartlyWritten;
  }
  return error;
}

}  // namespace outrigger::upstream
