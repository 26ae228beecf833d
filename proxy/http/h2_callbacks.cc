// What nghttp2 calls back: it notes what happened in the session and its streams, and nothing else.
#include <algorithm>
#include <utility>

#include "proxy/http/h2_session.h"

namespace outrigger::http {
namespace {

std::string_view view_of(nghttp2_rcbuf* buffer) noexcept {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

}  // namespace

// A reset with one of these is our answer to what the peer did on the stream, not a wish of ours.
bool h2_provoked(std::uint32_t code) noexcept {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR ||
         code == NGHTTP2_REFUSED_STREAM;
}

// What nghttp2 calls. Each only records; see the header.
struct H2Session::Callbacks {
  static H2Session& self(void* user) noexcept { return *static_cast<H2Session*>(user); }
  static H2Stream* stream(nghttp2_session* session, std::int32_t id) noexcept {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    H2Session& h2 = self(user);
    const H2FrameHead frame{head->length, head->type, head->flags, head->stream_id};
    return h2.judge(h2.abuse_.on_frame(frame, h2.now_)) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Session& h2 = self(user);
    // Pushed before the upstream knew that we take none: that stream is reset.
    if (frame->hd.type != NGHTTP2_HEADERS) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    h2.builder_.begin();
    h2.head_open_ = true;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      h2.open(frame->hd.stream_id);
    }
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t, void* user) {
    self(user).builder_.add(view_of(name), view_of(value));
    return 0;
  }

  // nghttp2 would drop such a field and go on; we refuse the message.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*,
                               nghttp2_rcbuf*, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Session& h2 = self(user);
    switch (frame->hd.type) {
      case NGHTTP2_SETTINGS: {
        const bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
        (ack ? h2.settings_acked_ : h2.settings_received_) = true;
        return 0;
      }
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && h2.pings_ > 0) --h2.pings_;
        return 0;
      case NGHTTP2_GOAWAY:
        h2.goaway_received_ = true;
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
          h2.complaint_ = std::string("the peer sent GOAWAY ") +
                          nghttp2_http2_strerror(frame->goaway.error_code);
        }
        return 0;
      case NGHTTP2_HEADERS:
        h2.head_open_ = false;
        break;
      case NGHTTP2_DATA:
      case NGHTTP2_RST_STREAM:
        break;
      default:
        return 0;
    }
    H2Stream* stream = Callbacks::stream(session, frame->hd.stream_id);
    if (stream != nullptr) h2.on_stream_frame(*stream, *frame);
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    self(user).head_open_ = false;
    return 0;
  }

  static int on_extension_bytes(nghttp2_session*, const nghttp2_frame_hd*, const std::uint8_t*,
                                std::size_t, void*) {
    return NGHTTP2_ERR_CANCEL;  // ignored, as RFC 9113 5.5 says
  }
  static int on_extension(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
    return NGHTTP2_ERR_CANCEL;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void* user) {
    H2Session& h2 = self(user);
    H2Stream* stream = Callbacks::stream(session, id);
    if (stream == nullptr || stream->discard) {
      nghttp2_session_consume(session, id, size);
      return 0;
    }
    stream->in.push(h2.feeding_->sub({reinterpret_cast<const char*>(data), size}));
    h2.mark_dirty(*stream);
    h2.mark_ready(*stream);
    return 0;
  }

  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user) {
    H2Session& h2 = self(user);
    h2.head_open_ = false;
    H2Stream* stream = Callbacks::stream(session, id);
    if (stream != nullptr) h2.close(*stream, code);
    return 0;
  }

  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Session& h2 = self(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      // Too many end the session, at the end of this gather().
      if (h2_provoked(frame->rst_stream.error_code)) {
        (void)h2.judge(h2.abuse_.on_provoked_reset(h2.now_));
      }
      return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    H2Stream* stream = Callbacks::stream(session, frame->hd.stream_id);
    if (stream != nullptr) h2.on_stream_framed(*stream, *frame);
    return 0;
  }

  // A request that was queued and can not start any more: GOAWAY came first, or it was cancelled.
  static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    H2Session& h2 = self(user);
    const bool request =
        frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (!request) return 0;
    const auto found = std::ranges::find(h2.streams_, frame->hd.stream_id, &H2Stream::id);
    if (found != h2.streams_.end()) h2.close(**found, NGHTTP2_REFUSED_STREAM);
    return 0;
  }

  static ssize_t read_payload(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length,
                              std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    H2Stream& stream = *static_cast<H2Stream*>(source->ptr);
    const std::size_t n = std::min(length, stream.out.bytes());
    if (n == 0 && !stream.out_ended) {
      stream.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!stream.out_ended || n < stream.out.bytes()) return static_cast<ssize_t>(n);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.out_trailers == nullptr) return static_cast<ssize_t>(n);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    H2Session& h2 = self(user);
    if (!trailer_fields(*stream.out_trailers, h2.fields_) ||
        nghttp2_submit_trailer(h2.session_, stream.id, h2.fields_.data(), h2.fields_.size()) != 0) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(n);
  }

  static int send_payload(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                          std::size_t length, nghttp2_data_source* source, void* user) {
    constexpr std::size_t kFrameHead = 9;
    return self(user).frame_payload(*static_cast<H2Stream*>(source->ptr),
                                    {reinterpret_cast<const char*>(head), kFrameHead}, length);
  }

  static int on_error(nghttp2_session*, int, const char* text, std::size_t size, void* user) {
    if (self(user).complaint_.empty()) self(user).complaint_.assign(text, size);
    return 0;
  }
};

void H2Session::install(nghttp2_session_callbacks* to) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(to, &Callbacks::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(to, &Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(to, &Callbacks::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(to, &Callbacks::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(to, &Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(to, &Callbacks::on_invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, &Callbacks::on_data);
  nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(to,
                                                                 &Callbacks::on_extension_bytes);
  nghttp2_session_callbacks_set_unpack_extension_callback(to, &Callbacks::on_extension);
  nghttp2_session_callbacks_set_on_stream_close_callback(to, &Callbacks::on_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(to, &Callbacks::on_frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(to, &Callbacks::on_frame_not_sent);
  nghttp2_session_callbacks_set_send_data_callback(to, &Callbacks::send_payload);
  nghttp2_session_callbacks_set_error_callback2(to, &Callbacks::on_error);
}

nghttp2_data_provider H2Session::payload_of(H2Stream& stream) noexcept {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = &Callbacks::read_payload;
  return provider;
}

}  // namespace outrigger::http
