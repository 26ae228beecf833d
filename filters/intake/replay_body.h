// A request body that can be read more than once: what the upstream takes is kept on its way, the
// first part in memory and the rest in a temporary file, so that another attempt reads the same
// bytes again and then goes on with the client's. What cannot be kept is passed on all the same.
// Owned by the exchange's request, on its worker's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/intake/replay_memory.h"
#include "filters/intake/scratch_file.h"
#include "proxy/http/body.h"
#include "proxy/http/headers.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/file_thread.h"

namespace outrigger::filters {

// What all replay buffers share; outlives them.
struct ReplayContext {
  ReplayMemory& memory;
  FileRunner& files;
  OpenScratch open;  // called on the file thread
};

class ReplayBody final : public http::BodySource {
 public:
  // How long a body is kept, and why not a longer one: a literal.
  struct Most {
    Most(std::uint64_t most, std::string_view reason = "body_over_buffer") noexcept  // NOLINT
        : bytes(most), why(reason) {}
    std::uint64_t bytes;
    std::string_view why;
  };
  ReplayBody(Dispatcher& loop, const ReplayContext& context,
             std::unique_ptr<http::BodySource> inner, Most most,
             std::optional<std::uint64_t> length = std::nullopt) noexcept;
  ReplayBody(const ReplayBody&) = delete;
  ReplayBody& operator=(const ReplayBody&) = delete;
  ~ReplayBody() override;

  // Error, besides the client's: kSystem, `replay_storage`, when kept bytes cannot be read back.
  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override;
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_ == nullptr ? (trailers_ ? &*trailers_ : nullptr) : inner_->trailers();
  }

  // Reads from the client, before anybody else does, until `bytes` are kept or the body has ended;
  // they are kept whatever the limits. To be read from the start afterwards.
  Task<Status> read_ahead(std::size_t bytes, CancelScope& scope);
  // Reads all of it from the client, before anybody else does, and keeps it, as far as `most` and
  // the disk allow; each piece is shown to `look`. To be read from the start afterwards. Errors,
  // besides the client's: kTooLarge `idempotency_body_too_large`. The client's connection is of no
  // use to it any more.
  Task<Status> read_all(std::function<void(std::string_view)> look, CancelScope& scope);
  // It was, and nothing is wanted of the client any more.
  [[nodiscard]] bool read_whole() const noexcept { return inner_ == nullptr; }
  // What is kept in memory, from the start, at most `most` bytes.
  [[nodiscard]] std::string prefix(std::size_t most) const;
  // Whether the client's last byte is kept or passed on.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  // The whole body is in memory. Whoever sends one of known length may not have asked for its end.
  [[nodiscard]] bool whole_in_memory() const noexcept {
    return (ended_ || kept_ == length_) && keeping_ && spill_ == nullptr;
  }

  // Whether a body of that length is kept, unless the disk fails.
  [[nodiscard]] bool keeps(std::uint64_t length) const noexcept {
    return keeping_ && length <= most_.bytes;
  }
  // Whether the next attempt would get every byte.
  [[nodiscard]] bool can_rewind() const noexcept;
  // Lets the next read begin at the first byte. Nobody may be reading.
  void rewind() noexcept { at_ = next_ = 0; }
  // No other attempt follows: gives back what is kept, as far as it was read.
  void release() noexcept { give_up("released"); }
  // Why it cannot be read again; a literal, empty while it can.
  [[nodiscard]] std::string_view why_not() const noexcept;

  static constexpr std::uint64_t kInMemory = 1024 * 1024;
  static constexpr std::size_t kReadBack = 64 * 1024;

 private:
  struct Spill;
  Task<Result<Slice>> read_on(CancelScope& scope);
  Task<Result<Slice>> read_back(CancelScope& scope);
  Task<Status> keep(const Slice& bytes, CancelScope& scope);
  Slice next_in_memory();
  void push(const Slice& bytes);
  void give_up(std::string_view why) noexcept;
  void drop() noexcept;

  Dispatcher& loop_;
  const ReplayContext& context_;
  std::unique_ptr<http::BodySource> inner_;  // nullptr: all was read and is kept
  std::optional<http::Headers> trailers_;    // then
  const Most most_;
  const std::optional<std::uint64_t> length_;
  std::vector<Slice> memory_;
  std::uint64_t memory_bytes_ = 0;  // before all that is on disk
  std::shared_ptr<Spill> spill_;    // set once the memory was too small
  std::uint64_t kept_ = 0;          // in memory and on disk
  std::uint64_t at_ = 0;            // of the kept bytes, read; the client's follow
  std::size_t next_ = 0;            // in memory_
  bool keeping_ = true;
  bool ended_ = false;
  bool touched_ = false;  // a byte may have been handed on
  std::string_view why_not_;
};

}  // namespace outrigger::filters
