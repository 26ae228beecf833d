// An HTTP answer while it comes: one writer, and any number of readers that each get all of it at
// their own pace (durability 3, Streams 1). Shared by all of them. The writer is on one worker's
// loop and each reader on one; what was written stays where it is until the Recording goes, so
// nobody holds up anybody, and the mutex is held for bookkeeping only.
//
//   open ──begin──▶ running ──finish──▶ whole
//     └──────────fail──┴──────────────▶ broken
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "filters/recording/stored_head.h"
#include "proxy/base/result.h"
#include "proxy/http/body.h"
#include "proxy/http/server.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/task.h"

namespace outrigger::filters {

class Recording {
 public:
  class Reader;
  static constexpr std::size_t kChunkBytes = 65536;
  static constexpr std::uint64_t kWindow = 1024 * 1024;
  // With others the slowest may be further behind, so that it holds up the rest only in the end.
  static constexpr std::uint64_t kSharedWindow = 64 * 1024 * 1024;

  // `writer` is the loop of whoever writes. It may go only after finish() or fail(): the writer
  // must end what it began, or readers wait until they are cancelled.
  explicit Recording(Dispatcher& writer) noexcept : writer_(writer) {}
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() = default;

  // For the writer, on its loop. None of them calls a reader: that is woken on its own loop.
  // An interim response (1xx), before begin().
  void interim(StoredHead head);
  void begin(StoredHead head);
  // Copies the bytes, once.
  void append(std::string_view bytes);
  // It is longer than is kept: from now on whoever comes is too late, and what all readers have
  // taken is dropped.
  void pass_on();
  // After pass_on(): waits while the slowest reader is kWindow behind.
  [[nodiscard]] Task<Status> wait_for_room(CancelScope& scope);
  // The answer is whole.
  void finish(std::vector<StoredField> trailers = {});
  // The answer is incomplete: readers get what there is of it, then the error. Nothing once it has
  // ended, so that a guard may call it in any case.
  void fail(Error error);
  // From now on called on the writer's loop each time the last reader has gone, unless another has
  // come by then. Never after finish() or fail().
  void on_unread(std::function<void()> callback);

  // Any thread.
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::size_t readers() const;
  // The bytes from there on, as far as they are there and lie together: kChunkBytes at most. Valid
  // as long as the Recording.
  [[nodiscard]] std::string_view at(std::uint64_t offset) const;
  // As much of it as is there, up to `most`.
  [[nodiscard]] std::string copy(std::uint64_t offset, std::size_t most) const;

 private:
  class Seat;
  class SeatBody;
  enum class State : std::uint8_t { kOpen, kRunning, kWhole, kBroken };
  struct Chunk {
    std::uint64_t begin = 0;
    std::size_t capacity = 0;
    std::unique_ptr<char[]> bytes;
  };

  // Where the byte at `offset`, the next one, and those after it go.
  [[nodiscard]] std::span<char> room(std::uint64_t offset);
  [[nodiscard]] std::size_t next_capacity(std::uint64_t offset) const noexcept;
  void end(State state, std::optional<Error> error, std::vector<StoredField> trailers);
  void tell_unread();

  // For readers. A look that finds nothing puts the seat among those that are woken.
  void enter(Seat& seat);
  void leave(Seat& seat);
  [[nodiscard]] bool look_for_head(Seat& seat);
  // Those behind the first `seen`.
  [[nodiscard]] std::vector<StoredHead> interims_after(std::size_t seen) const;
  // Nothing: not yet. Empty: there is no more.
  [[nodiscard]] std::optional<std::string_view> look(std::uint64_t offset, Seat& seat);
  [[nodiscard]] bool ready(std::uint64_t offset) const;

  // Under the lock.
  [[nodiscard]] bool ended() const noexcept { return state_ > State::kRunning; }
  [[nodiscard]] std::string_view find(std::uint64_t offset) const noexcept;
  void enlist(Seat& seat);
  void wake_all();
  [[nodiscard]] std::uint64_t slowest() const noexcept;
  [[nodiscard]] bool has_room() const noexcept {
    return bytes_ - slowest() < (seats_.size() > 1 ? kSharedWindow : kWindow);
  }
  void drop_taken();
  void tell_room(const Dispatcher& from, const std::shared_ptr<Recording>& self);

  Dispatcher& writer_;
  mutable std::mutex mutex_;
  // Changed by the writer only, under the lock; it may look without. Others look under the lock, or
  // at what no longer changes once the lock has shown them the state.
  State state_ = State::kOpen;
  std::vector<StoredHead> interims_;   // looked at under the lock
  std::optional<StoredHead> head_;     // from kRunning on
  std::optional<Error> error_;         // of kBroken
  std::vector<StoredField> trailers_;  // of kWhole
  std::vector<Chunk> chunks_;          // bytes before bytes_ never change
  std::uint64_t bytes_ = 0;
  // Changed by anybody, under the lock.
  std::vector<Seat*> seats_;    // of all readers
  std::vector<Seat*> waiting_;  // of them, once each
  bool passing_ = false;        // changed by the writer
  bool wants_room_ = false;     // the writer waits
  Signal room_;                 // of the writer's loop
  std::shared_ptr<const std::function<void()>> unread_;
  bool telling_ = false;  // a call of unread_ is on its way
};

// One client of a recording, on its own loop, which must outlive it. Counted among the readers
// until it or the body that it became goes; what is on its way to it by then is dropped.
class Recording::Reader {
 public:
  Reader(std::shared_ptr<Recording> recording, Dispatcher& loop);
  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) noexcept = default;
  ~Reader() = default;

  // Waits for the head; interim responses go to `interims` meanwhile. An error only where there
  // will be no head, or it is too late, `answer_gone`: once it is there, what happens afterwards is
  // for the body to tell.
  [[nodiscard]] Task<Result<StoredHead>> head(CancelScope& scope, http::ResponseSink& interims);
  // The body from that byte on: at full speed as far as it is there, then as it comes.
  [[nodiscard]] std::unique_ptr<http::BodySource> body(std::uint64_t from = 0) &&;

 private:
  std::shared_ptr<Seat> seat_;
};

}  // namespace outrigger::filters
