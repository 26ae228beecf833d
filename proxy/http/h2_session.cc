#include "proxy/http/h2_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "proxy/http/status.h"

namespace outrigger::http {
namespace {

constexpr std::size_t kInlinePayload = 4096;         // at most this is copied beside its frame head
constexpr std::size_t kMaxInterim = 8;               // architecture 9, rule 8
constexpr std::size_t kSendBlockBytes = 256 * 1024;  // of a header block we send
constexpr std::uint32_t kDefaultWindow = 65535;      // RFC 9113 6.9.2

}  // namespace

void H2Output::clear() noexcept {
  bytes_.clear();
  slices_.clear();
  sliced_ = 0;
}

void H2Output::add(Slice payload) {
  if (payload.size() <= kInlinePayload) {
    bytes_.append(payload.view());
    return;
  }
  sliced_ += payload.size();
  slices_.push_back({bytes_.size(), std::move(payload)});
}

std::vector<std::string_view>& H2Output::pieces() {
  views_.clear();
  const std::string_view bytes = bytes_;
  std::size_t at = 0;
  for (const Piece& piece : slices_) {
    if (piece.bytes_before > at) views_.push_back(bytes.substr(at, piece.bytes_before - at));
    views_.push_back(piece.payload.view());
    at = piece.bytes_before;
  }
  if (at < bytes.size()) views_.push_back(bytes.substr(at));
  return views_;
}

H2Session::H2Session(const H2SessionSettings& settings)
    : settings_(settings),
      peer_(settings.role == H2Role::kServer ? Origin::kClient : Origin::kUpstream),
      abuse_(settings.abuse),
      builder_(settings.head) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
    throw std::bad_alloc();
  }
  install(callbacks);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // One more than ours, so that our count says why.
  nghttp2_option_set_max_continuations(option, settings.abuse.continuations + 1);
  nghttp2_option_set_max_send_header_block_length(option, kSendBlockBytes);
  // Only so that they are counted: frames of types it does not know are not announced.
  for (unsigned type = NGHTTP2_ALTSVC; type < 256; ++type) {
    nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
  }
  const auto make = settings.role == H2Role::kServer ? &nghttp2_session_server_new2
                                                     : &nghttp2_session_client_new2;
  const int made = make(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) throw std::bad_alloc();
  submit_settings();
}

H2Session::~H2Session() {
  for (const H2StreamPtr& stream : streams_) stream->session = nullptr;
  nghttp2_session_del(session_);
}

void H2Session::submit_settings() {
  std::array<nghttp2_settings_entry, 4> entries;
  std::size_t n = 0;
  entries[n++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                  static_cast<std::uint32_t>(settings_.stream_window)};
  entries[n++] = {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                  static_cast<std::uint32_t>(settings_.head.head_bytes)};
  if (settings_.role == H2Role::kServer) {
    entries[n++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings_.streams};
    entries[n++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  } else {
    entries[n++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), n);
  nghttp2_session_set_local_window_size(
      session_, NGHTTP2_FLAG_NONE, 0,
      std::max<std::int32_t>(settings_.connection_window, kDefaultWindow));
}

bool H2Session::judge(std::string_view abuse) {
  if (abuse.empty()) return abuse_found_.empty();
  if (abuse_found_.empty()) abuse_found_ = abuse;
  return false;
}

std::unexpected<Error> H2Session::broken() const {
  if (!abuse_found_.empty())
    return outrigger::fail(Errc::kOverload, peer_, abuse_found_, complaint_);
  return outrigger::fail(Errc::kProtocol, peer_, "http_protocol_error", complaint_);
}

Status H2Session::feed(const Slice& bytes, TimePoint now) {
  if (aborted_) return {};
  now_ = now;
  feeding_ = &bytes;
  const ssize_t n = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  feeding_ = nullptr;
  if (n >= 0) return {};
  const bool flood = n == NGHTTP2_ERR_FLOODED || !abuse_found_.empty();
  if (complaint_.empty()) {
    complaint_ = abuse_found_.empty() ? nghttp2_strerror(static_cast<int>(n)) : abuse_found_;
  }
  terminate(flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  return broken();
}

Status H2Session::gather(H2Output& output, std::size_t limit, TimePoint now) {
  if (aborted_) return {};
  now_ = now;
  gathering_ = &output;
  limit_ = limit;
  ssize_t n = 0;
  while (output.size() < limit) {
    const std::uint8_t* data = nullptr;
    n = nghttp2_session_mem_send(session_, &data);
    if (n <= 0) {
      if (n < 0 || abuse_found_.empty() || terminated_) break;
      terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      continue;
    }
    output.add({reinterpret_cast<const char*>(data), static_cast<std::size_t>(n)});
  }
  gathering_ = nullptr;
  if (n >= 0) return {};
  if (complaint_.empty()) complaint_ = nghttp2_strerror(static_cast<int>(n));
  return broken();
}

int H2Session::frame_payload(H2Stream& stream, std::string_view frame_head, std::size_t length) {
  // Nothing of the frame is taken yet: it is offered again at the next gather().
  if (gathering_->size() >= limit_) return NGHTTP2_ERR_WOULDBLOCK;
  if (stream.out.bytes() < length) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  gathering_->add(frame_head);
  stream.out_bytes += length;
  while (length > 0) {
    Slice& first = stream.out.front();
    if (first.size() <= length) {
      length -= first.size();
      gathering_->add(stream.out.pop());
      continue;
    }
    gathering_->add(first.sub(first.view().substr(0, length)));
    stream.out.consume(length);
    length = 0;
  }
  abuse_.on_data_sent();
  if (stream.writable.waiting() && stream.out.bytes() < kH2SendHigh / 2) mark_ready(stream);
  return 0;
}

void H2Session::written() {
  for (const H2StreamPtr& stream : sent_) {
    if (!stream->head_sent && stream->head_framed) stream->head_sent_at = now_;
    stream->head_sent = stream->head_framed;
    if (stream->end_framed && !std::exchange(stream->end_sent, true)) {
      if (stream->sent_observer != nullptr) stream->sent_observer->on_end_sent();
    }
    mark_ready(*stream);
  }
  sent_.clear();
}

bool H2Session::wants_write() const noexcept {
  return !aborted_ && nghttp2_session_want_write(session_) != 0;
}

bool H2Session::finished() const noexcept {
  return aborted_ ||
         (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0);
}

void H2Session::mark_ready(H2Stream& stream) {
  if (std::exchange(stream.in_ready, true)) return;
  ready_.emplace_back(&stream);
  changed();
}

void H2Session::mark_dirty(H2Stream& stream) {
  if (std::exchange(stream.in_dirty, true)) return;
  dirty_.emplace_back(&stream);
}

void H2Session::settle() {
  for (const H2StreamPtr& stream : dirty_) {
    stream->in_dirty = false;
    if (!stream->in.empty()) compact(stream->in);
    if (!stream->out.empty()) compact(stream->out);
  }
  dirty_.clear();
}

H2StreamPtr H2Session::open(std::int32_t id) {
  H2StreamPtr stream(new H2Stream);
  stream->session = this;
  stream->id = id;
  stream->peer = peer_;
  stream->opened_at = now_;
  stream->index = streams_.size();
  streams_.push_back(stream);
  nghttp2_session_set_stream_user_data(session_, id, stream.get());
  return stream;
}

// Takes the stream out of the table; whoever holds it reads what is left from it.
void H2Session::close(H2Stream& stream, std::uint32_t code) {
  if (stream.session == nullptr) return;
  const H2StreamPtr keep(&stream);
  const std::size_t index = stream.index;
  streams_[index] = std::move(streams_.back());
  streams_[index]->index = index;
  streams_.pop_back();
  if (!stream.in.empty()) nghttp2_session_consume_connection(session_, stream.in.bytes());
  (void)judge(abuse_.on_stream_closed(stream.reset_by_peer && settings_.role == H2Role::kServer,
                                      now_ - stream.opened_at));
  stream.session = nullptr;
  if (code != NGHTTP2_NO_ERROR || !stream.in_ended || !stream.end_framed) {
    fail(stream, reset_error(stream, code));
  }
  mark_ready(stream);
}

void H2Session::fail(H2Stream& stream, Error error) {
  if (!stream.failure) {
    const bool cut_short = settings_.role == H2Role::kClient && stream.head_done;
    if (cut_short) error.phase = Phase::kAnswered;
    if (cut_short && error.reason == "connection_terminated")
      error.reason = "http_response_incomplete";
    stream.failure = std::move(error);
  }
  mark_ready(stream);
}

void H2Session::cancel(H2Stream& stream, Error error) {
  fail(stream, std::move(error));
  reset(stream, NGHTTP2_CANCEL);
}

Error H2Session::reset_error(const H2Stream& stream, std::uint32_t code) const {
  const bool server = settings_.role == H2Role::kServer;
  Error error{
      Errc::kReset, server ? Origin::kClient : Origin::kUpstream, Phase::kNoConnection, {}, {}};
  if (server) {
    error.reason = "client_gone";
  } else if (code == NGHTTP2_REFUSED_STREAM && !stream.head_done) {  // else it proves nothing
    error.reason = "stream_refused";
  } else if (h2_provoked(code) && !stream.reset_by_peer) {
    error.code = Errc::kProtocol;
    error.reason = "http_protocol_error";
  } else {
    error.reason = "connection_terminated";
  }
  error.detail = std::string("HTTP/2 stream closed: ") + nghttp2_http2_strerror(code);
  return error;
}

void H2Session::on_stream_frame(H2Stream& stream, const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM) {
    stream.reset_by_peer = true;
    return;
  }
  if (frame.hd.type == NGHTTP2_HEADERS) {
    if (stream.head_done) {
      on_trailers(stream);
    } else if (settings_.role == H2Role::kServer) {
      on_request_head(stream);
    } else {
      on_response_head(stream);
    }
  }
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream.in_ended = true;
  mark_ready(stream);
}

void H2Session::on_stream_framed(H2Stream& stream, const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_HEADERS) stream.head_framed = true;
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (end) stream.end_framed = true;
  if (end || frame.hd.type == NGHTTP2_HEADERS) sent_.emplace_back(&stream);
}

void H2Session::on_request_head(H2Stream& stream) {
  stream.head_done = true;
  stream.opened = true;
  stream.refusal = builder_.take(stream.request);
}

void H2Session::on_response_head(H2Stream& stream) {
  ResponseHead head;
  const std::optional<Refusal> refusal = builder_.take(head);
  const bool interim = is_informational(head.status);
  if (refusal || (interim && stream.interim_heads++ >= kMaxInterim)) {
    const std::string_view reason = refusal ? refusal->code : "http_protocol_error";
    const std::string_view detail = refusal ? refusal->detail : "too many interim responses";
    const Errc code = reason == "http_protocol_error" ? Errc::kProtocol : Errc::kTooLarge;
    fail(stream, Error{code, Origin::kUpstream, Phase::kAnswered, reason, std::string(detail)});
    reset(stream, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  stream.head_done = !interim;
  if (interim) {
    stream.interims.push_back(std::move(head));
  } else {
    stream.response = std::move(head);
  }
}

void H2Session::on_trailers(H2Stream& stream) {
  auto trailers = std::make_unique<Headers>();
  if (builder_.take_trailers(*trailers)) {
    reset(stream, NGHTTP2_PROTOCOL_ERROR);
  } else {
    stream.trailers = std::move(trailers);
  }
}

Result<H2StreamPtr> H2Session::request(const RequestHead& head, std::string_view scheme,
                                       Body body) {
  if (Status status = request_fields(head, scheme, fields_); !status) {
    return std::unexpected(std::move(status).error());
  }
  H2StreamPtr stream(new H2Stream);
  const nghttp2_data_provider provider = payload_of(*stream);
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, fields_.data(), fields_.size(),
                             body == Body::kFollows ? &provider : nullptr, stream.get());
  if (id < 0) {
    return outrigger::fail(Errc::kOverload, Origin::kUpstream, "connection_limit_reached",
                           nghttp2_strerror(id));
  }
  stream->session = this;
  stream->id = id;
  stream->peer = peer_;
  stream->index = streams_.size();
  stream->out_ended = body == Body::kNone;
  streams_.push_back(stream);
  changed();
  return stream;
}

Status H2Session::interim(H2Stream& stream, const ResponseHead& head) {
  char status[3];
  if (stream.session == nullptr) return {};
  if (Status made = response_fields(head, status, fields_); !made) return made;
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields_.data(),
                         fields_.size(), nullptr);
  changed();
  return {};
}

Status H2Session::respond(H2Stream& stream, const ResponseHead& head, Body body) {
  char status[3];
  if (stream.session == nullptr) return std::unexpected(*stream.failure);
  if (Status made = response_fields(head, status, fields_); !made) return made;
  const nghttp2_data_provider provider = payload_of(stream);
  const int rv = nghttp2_submit_response(session_, stream.id, fields_.data(), fields_.size(),
                                         body == Body::kFollows ? &provider : nullptr);
  stream.out_ended = body == Body::kNone;
  changed();
  if (rv == 0) return {};
  return outrigger::fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error",
                         nghttp2_strerror(rv));
}

void H2Session::send(H2Stream& stream, Slice payload) {
  if (stream.session == nullptr) return;
  stream.out.push(std::move(payload));
  mark_dirty(stream);
  resume(stream);
}

void H2Session::end(H2Stream& stream, const Headers* trailers) {
  if (stream.session == nullptr || std::exchange(stream.out_ended, true)) return;
  if (trailers != nullptr && !trailers->empty()) {
    stream.out_trailers = std::make_unique<Headers>(*trailers);
  }
  resume(stream);
}

void H2Session::resume(H2Stream& stream) {
  if (!std::exchange(stream.deferred, false)) return;
  nghttp2_session_resume_data(session_, stream.id);
  changed();
}

void H2Session::reset(H2Stream& stream, std::uint32_t code) {
  if (stream.session == nullptr) return;
  stream.reset_by_us = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
  changed();
}

Slice H2Session::take(H2Stream& stream) {
  Slice first = stream.in.pop();
  if (stream.session != nullptr) stream.session->consumed(stream, first.size());
  return first;
}

void H2Session::consumed(H2Stream& stream, std::size_t n) {
  nghttp2_session_consume_connection(session_, n);
  // The window of a stream that ended is of no use to anybody.
  if (!stream.in_ended) nghttp2_session_consume_stream(session_, stream.id, n);
  if (wants_write()) changed();
}

void H2Session::abandon(H2Stream& stream) {
  if (std::exchange(stream.discard, true)) return;
  if (stream.session != nullptr && !stream.in.empty()) {
    stream.session->consumed(stream, stream.in.bytes());
  }
  stream.in.clear();
}

void H2Session::ping() {
  ++pings_;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  changed();
}

void H2Session::announce_shutdown() {
  nghttp2_submit_shutdown_notice(session_);
  changed();
}

void H2Session::refuse_new_streams() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  changed();
}

void H2Session::terminate(std::uint32_t code) {
  if (std::exchange(terminated_, true)) return;
  nghttp2_session_terminate_session(session_, code);
  changed();
}

void H2Session::abort(const Error& error) {
  if (std::exchange(aborted_, true)) return;
  for (const H2StreamPtr& stream : sent_) {  // framed, but it never left
    if (!stream->end_sent) fail(*stream, error), stream->end_framed = false;
  }
  sent_.clear();
  std::vector<H2StreamPtr> streams;
  streams.swap(streams_);
  for (const H2StreamPtr& stream : streams) {
    stream->session = nullptr;
    if (!stream->in_ended || !stream->end_framed) fail(*stream, error);
    mark_ready(*stream);
  }
}

bool H2Session::closing() const noexcept {
  return aborted_ || terminated_ || goaway_received_ ||
         nghttp2_session_check_request_allowed(session_) == 0;
}

bool H2Session::can_request() const noexcept {
  return !closing() && streams_.size() < nghttp2_session_get_remote_settings(
                                             session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Session::connect_protocol() const noexcept {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
         1;
}

}  // namespace outrigger::http
