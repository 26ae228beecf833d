// Bodies are pulled: whoever wants bytes awaits them, and nobody reads ahead of the slowest reader,
// so back-pressure needs no watermarks. A small body is one slice and costs no source. One worker
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

class Headers;

// Produces one body. Destroying it before the end aborts production (stream reset, connection
// dropped).
class BodySource {
 public:
  virtual ~BodySource() = default;
  // The next bytes; an empty slice is the end, after which read() is not called again. An error
  // means the body is incomplete: whoever forwards it must not end its own message cleanly.
  virtual Task<Result<Slice>> read(CancelScope& scope) = 0;
  // True when read() would return without suspending.
  [[nodiscard]] virtual bool ready() const noexcept = 0;
  // Trailer fields, valid after the end; nullptr when there were none.
  [[nodiscard]] virtual const Headers* trailers() const noexcept { return nullptr; }
};

class Body {
 public:
  Body() = default;  // no body at all
  explicit Body(Slice whole) : whole_(std::move(whole)), length_(whole_.size()) {}
  Body(std::unique_ptr<BodySource> source, std::optional<std::uint64_t> length)
      : source_(std::move(source)), length_(length) {}

  // No body, or everything was read.
  [[nodiscard]] bool ended() const noexcept { return source_ == nullptr && whole_.empty(); }
  // Total length where it is known in advance; 0 for no body.
  [[nodiscard]] std::optional<std::uint64_t> length() const noexcept { return length_; }
  [[nodiscard]] bool ready() const noexcept { return source_ == nullptr || source_->ready(); }
  // The whole body when it is one buffer in memory; nullptr when it is produced piece by piece.
  [[nodiscard]] const Slice* whole() const noexcept {
    return source_ == nullptr ? &whole_ : nullptr;
  }
  [[nodiscard]] BodySource* source() noexcept { return source_.get(); }
  // Puts a source around the present one: `wrap(inner)` returns it. Nothing to do for a whole body.
  template <class Wrap>
  void wrap_source(Wrap&& wrap) {
    if (source_ != nullptr) source_ = wrap(std::move(source_));
  }

  // The next bytes; an empty slice is the end.
  Task<Result<Slice>> read(CancelScope& scope) {
    if (source_ == nullptr) co_return std::exchange(whole_, {});
    Result<Slice> bytes = co_await source_->read(scope);
    co_return bytes;
  }
  [[nodiscard]] const Headers* trailers() const noexcept {
    return source_ == nullptr ? nullptr : source_->trailers();
  }

 private:
  Slice whole_;
  std::unique_ptr<BodySource> source_;
  std::optional<std::uint64_t> length_ = 0;
};

}  // namespace outrigger::http
