#include "proxy/http/h1_writer.h"

#include <array>
#include <utility>

#include "proxy/base/buffer.h"
#include "proxy/http/h1_serializer.h"

namespace outrigger::http {
namespace {

using Kind = BodyFraming::Kind;

// What goes out in the next system call, and the slices that keep it alive.
class Gather {
 public:
  static constexpr std::size_t kSlices = 5;
  static constexpr std::size_t kBytes = 64 * 1024;

  void add(std::string_view text) noexcept {
    if (text.empty()) return;
    pieces_[count_++] = text;
    bytes_ += text.size();
  }
  void add(Slice data) noexcept {
    add(data.view());
    held_[slices_++] = std::move(data);
  }
  void add_chunk(Slice data) noexcept {
    add(chunk_head(data.size()));
    add(std::move(data));
    add(http::kCrlf);
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool full() const noexcept { return slices_ == kSlices || bytes_ >= kBytes; }
  [[nodiscard]] std::span<std::string_view> pieces() noexcept { return {pieces_.data(), count_}; }
  void clear() noexcept {
    for (std::size_t i = 0; i < slices_; ++i) held_[i] = {};
    count_ = slices_ = bytes_ = 0;
  }

 private:
  static constexpr std::size_t kHeadSize = 18;  // 16 digits and CRLF

  std::string_view chunk_head(std::size_t size) noexcept {
    std::array<char, kHeadSize>& room = heads_[slices_];
    std::size_t at = kHeadSize;
    room[--at] = '\n';
    room[--at] = '\r';
    do {
      room[--at] = "0123456789abcdef"[size & 15];
      size >>= 4;
    } while (size != 0);
    return {room.data() + at, kHeadSize - at};
  }

  std::array<std::string_view, 2 + 3 * kSlices> pieces_;  // head, chunks, end
  std::array<Slice, kSlices> held_;
  std::array<std::array<char, kHeadSize>, kSlices> heads_;
  std::size_t count_ = 0;
  std::size_t slices_ = 0;
  std::size_t bytes_ = 0;
};

class MessageWriter {
 public:
  MessageWriter(Stream& stream, Buffer& head, BodyFraming framing, Body& body, CancelScope& scope,
                std::optional<Duration> stall) noexcept
      : stream_(stream),
        head_(head),
        framing_(framing),
        body_(body),
        scope_(scope),
        stall_(stall) {}

  Task<Written> run() {
    gather_.add(head_.view());
    if (!body_.ended()) {
      written_.status = co_await write_body();
    } else if (framing_.kind == Kind::kLength && framing_.length != 0) {
      written_.body_failed = true;
      written_.status = short_body();
    } else if (framing_.kind == Kind::kChunked) {
      written_.status = end_chunks();
    }
    // Whatever happened to the body, what was gathered before it is the peer's.
    Status flushed = co_await flush();
    if (!flushed && written_.status) written_.status = std::move(flushed);
    co_return std::move(written_);
  }

 private:
  Task<Status> write_body() {
    for (;;) {
      if (gather_.full() || !body_.ready()) CO_TRY(co_await flush());
      Result<Slice> data = co_await body_.read(scope_);
      if (!data) {
        written_.body_failed = true;
        co_return std::unexpected(std::move(data).error());
      }
      if (data->empty()) co_return end();
      CO_TRY(add(std::move(*data)));
      if (framing_.kind == Kind::kLength && written_.body_bytes == framing_.length)
        co_return Status{};
    }
  }

  Status add(Slice data) {
    written_.body_bytes += data.size();
    ++written_.chunks;
    if (framing_.kind == Kind::kLength && written_.body_bytes > framing_.length) {
      written_.body_failed = true;
      return fail(Errc::kProtocol, Origin::kProxy, "http_protocol_error",
                  "the body is longer than its Content-Length");
    }
    if (framing_.kind == Kind::kChunked) {
      gather_.add_chunk(std::move(data));
    } else {
      gather_.add(std::move(data));
    }
    return {};
  }

  Status end() {
    if (framing_.kind == Kind::kLength && written_.body_bytes < framing_.length) {
      written_.body_failed = true;
      return short_body();
    }
    return framing_.kind == Kind::kChunked ? end_chunks() : Status{};
  }

  Status end_chunks() {
    const Headers* trailers = body_.trailers();
    if (trailers == nullptr) {
      gather_.add(kLastChunk);
      return {};
    }
    Status status = write_last_chunk(end_, trailers);
    written_.body_failed = !status;
    gather_.add(end_.view());
    return status;
  }

  static Status short_body() {
    return fail(Errc::kProtocol, Origin::kProxy, "http_protocol_error",
                "the body is shorter than its Content-Length");
  }

  Task<Status> flush() {
    if (gather_.empty()) co_return Status{};
    if (!written_.first_byte) written_.first_byte = stream_.event_loop().fresh_now();
    Status status = co_await stream_.write(gather_.pieces(), scope_, stall_);
    gather_.clear();
    if (!head_.empty()) head_.release();
    co_return status;
  }

  Stream& stream_;
  Buffer& head_;
  BodyFraming framing_;
  Body& body_;
  CancelScope& scope_;
  std::optional<Duration> stall_;
  Gather gather_;
  Buffer end_;
  Written written_;
};

}  // namespace

std::optional<WholeMessage> whole_message(std::string_view head, const BodyFraming& framing,
                                          const Body& body) noexcept {
  if (framing.kind == Kind::kNone) return WholeMessage{{head, {}}, {}};
  const Slice* whole = body.whole();
  if (framing.kind != Kind::kLength || whole == nullptr || whole->size() != framing.length) {
    return std::nullopt;
  }
  WholeMessage message{{head, whole->view()}, {}};
  message.written.body_bytes = whole->size();
  message.written.chunks = whole->empty() ? 0 : 1;
  return message;
}

bool write_at_once(Stream& stream, WholeMessage& message) {
  message.written.first_byte = stream.event_loop().fresh_now();
  Result<bool> done = stream.try_write(message.pieces);
  if (!done) message.written.status = std::unexpected(std::move(done).error());
  return !done || *done;
}

Task<void> write_rest(Stream& stream, WholeMessage& message, CancelScope& scope,
                      std::optional<Duration> stall) {
  message.written.status = co_await stream.write(message.pieces, scope, stall);
}

Task<Written> write_message(Stream& stream, Buffer& head, BodyFraming framing, Body& body,
                            CancelScope& scope, std::optional<Duration> stall) {
  MessageWriter writer(stream, head, framing, body, scope, stall);
  co_return co_await writer.run();
}

}  // namespace outrigger::http
