// The other end of an HTTP/2 connection in tests: writes any frames, well-formed or not, and lists
// the frames that came back. Shares no code with the proxy but the HPACK of nghttp2.
#pragma once

#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/fd.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

enum FrameType : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};
enum FrameFlag : std::uint8_t { kNone = 0, kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;
  std::string payload;
  Fields fields;  // of HEADERS

  [[nodiscard]] std::uint32_t number(std::size_t at = 0) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4 && i < payload.size(); ++i) {
      value = value << 8 | static_cast<std::uint8_t>(payload[i]);
    }
    return value;
  }
  [[nodiscard]] std::string field(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return {};
  }
};

inline std::string big_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream,
                         std::string_view payload = {}) {
  return big_endian(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) +
         static_cast<char>(flags) + big_endian(static_cast<std::uint32_t>(stream), 4) +
         std::string(payload);
}

inline std::string setting(std::uint16_t id, std::uint32_t value) {
  return big_endian(id, 2) + big_endian(value, 4);
}

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Hpack {
 public:
  Hpack() { reset(); }
  ~Hpack() { drop(); }
  Hpack(const Hpack&) = delete;
  Hpack& operator=(const Hpack&) = delete;

  // Forgets the tables, as on a new connection.
  void reset() {
    drop();
    nghttp2_hd_deflate_new(&deflater_, 4096);
    nghttp2_hd_inflate_new(&inflater_);
  }

  std::string encode(const Fields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
      const auto bytes = [](const std::string& text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
      };
      pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), 0});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size()), '\0');
    const ssize_t n = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(out.data()),
                                            out.size(), pairs.data(), pairs.size());
    out.resize(static_cast<std::size_t>(n));
    return out;
  }

  Fields decode(std::string_view block) {
    Fields fields;
    auto* at = reinterpret_cast<std::uint8_t*>(const_cast<char*>(block.data()));
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      const ssize_t n = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (n < 0) return fields;
      at += n;
      left -= static_cast<std::size_t>(n);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                            std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
        nghttp2_hd_inflate_end_headers(inflater_);
        return fields;
      }
    }
  }

 private:
  void drop() {
    if (deflater_ != nullptr) nghttp2_hd_deflate_del(deflater_);
    if (inflater_ != nullptr) nghttp2_hd_inflate_del(inflater_);
  }
  nghttp2_hd_deflater* deflater_ = nullptr;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

// Cuts received bytes into frames.
class FrameReader {
 public:
  void add(std::string_view bytes) {
    bytes_ += bytes;
    if (skip_preface && bytes_.size() >= kPreface.size()) {
      bytes_.erase(0, kPreface.size());
      skip_preface = false;
    }
    while (!skip_preface && bytes_.size() >= 9) {
      Frame head;
      head.payload = bytes_.substr(0, 4);
      const std::size_t length = head.number() >> 8;
      if (bytes_.size() < 9 + length) return;
      Frame next{static_cast<std::uint8_t>(bytes_[3]),
                 static_cast<std::uint8_t>(bytes_[4]),
                 0,
                 bytes_.substr(5, 4),
                 {}};
      next.stream = static_cast<std::int32_t>(next.number() & 0x7fffffff);
      next.payload = bytes_.substr(9, length);
      bytes_.erase(0, 9 + length);
      if (next.type == kHeaders) next.fields = hpack.decode(next.payload);
      frames.push_back(std::move(next));
    }
  }
  void reset() {
    frames.clear();
    bytes_.clear();
    hpack.reset();
  }
  std::vector<Frame> frames;
  Hpack hpack;
  bool skip_preface = false;  // the proxy is the client

 private:
  std::string bytes_;
};

// A peer at the end of a socket.
class H2Peer {
 public:
  explicit H2Peer(Fd fd) : fd_(std::move(fd)) {}

  void send(std::string_view bytes) { pending_ += bytes, pump(); }
  void headers(std::int32_t stream, const Fields& fields, int flags = kEndHeaders) {
    send(frame(kHeaders, static_cast<std::uint8_t>(flags), stream, reader.hpack.encode(fields)));
  }
  void hello() { send(std::string(kPreface) + frame(kSettings, kNone, 0)); }
  void close() { fd_.reset(); }

  // Moves bytes both ways, as far as they go without waiting.
  void pump() {
    if (!fd_.valid()) return;
    while (!pending_.empty()) {
      const ssize_t n = ::send(fd_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      pending_.erase(0, static_cast<std::size_t>(n));
    }
    char bytes[65536];
    while (reading) {
      const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
      if (n == 0) closed = true;
      if (n < 0 && errno != EAGAIN) closed = true;
      if (n <= 0) return;
      const std::size_t before = reader.frames.size();
      reader.add({bytes, static_cast<std::size_t>(n)});
      for (std::size_t i = before; i < reader.frames.size(); ++i) answer(reader.frames[i]);
    }
  }

  [[nodiscard]] const Frame* find(std::uint8_t type, std::int32_t stream, int flags = 0) const {
    for (const Frame& f : reader.frames) {
      if (f.type == type && f.stream == stream && (f.flags & flags) == flags) return &f;
    }
    return nullptr;
  }
  [[nodiscard]] std::string body(std::int32_t stream) const {
    std::string all;
    for (const Frame& f : reader.frames) {
      if (f.type == kData && f.stream == stream) all += f.payload;
    }
    return all;
  }
  [[nodiscard]] bool ended(std::int32_t stream) const {
    return find(kHeaders, stream, kEndStream) != nullptr ||
           find(kData, stream, kEndStream) != nullptr;
  }

  FrameReader reader;
  bool reading = true;
  bool acknowledges = true;  // SETTINGS and PING
  bool closed = false;

 private:
  void answer(const Frame& f) {
    if (!acknowledges || (f.flags & kAck) != 0) return;
    if (f.type == kSettings) pending_ += frame(kSettings, kAck, 0);
    if (f.type == kPing) pending_ += frame(kPing, kAck, 0, f.payload);
  }
  Fd fd_;
  std::string pending_;
};

// Two connected, non-blocking ends.
inline std::pair<Fd, Fd> socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  return {Fd(fds[0]), Fd(fds[1])};
}

// Runs the loop until `done`; false after five seconds.
inline bool run_until(EventLoop& loop, H2Peer& peer, const std::function<bool()>& done) {
  struct Patience final : Timer {
    void on_fire() override { over = true; }
    bool over = false;
  } patience;
  loop.arm(patience, 5s);
  for (;;) {
    peer.pump();
    if (done()) return true;
    if (patience.over) return false;
    loop.post([] {});
    loop.run_once();
  }
}

// Lets everything that can happen now happen.
inline void settle(EventLoop& loop, H2Peer& peer) {
  for (int i = 0; i < 20; ++i) {
    peer.pump();
    loop.post([] {});
    loop.run_once();
  }
  peer.pump();
}

}  // namespace outrigger::test
