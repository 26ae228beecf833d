// Drives one H2Session over one Stream: one reader, one writer, and one turn after each event, in
// which waiters are woken and everything they made goes out in one write. Owned by a connection of
// either role; must outlive the tasks that run its loops. One worker thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "proxy/http/h2_session.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

// What a connection adds to the turns of its link.
class H2LinkOwner {
 public:
  // A stream's state changed; called from a turn, before its waiters are woken. May start or resume
  // coroutines, and may destroy the link.
  virtual void on_stream(const H2StreamPtr& stream) = 0;
  // The end of a turn, before the flush. May resume coroutines, and may destroy the link.
  virtual void on_turn() = 0;
  // False: leave the peer's bytes where they are until a later turn.
  [[nodiscard]] virtual bool may_read() const = 0;

 protected:
  ~H2LinkOwner() = default;
};

class H2Link final : private H2SessionObserver {
 public:
  H2Link(Stream& stream, H2Session& session, H2LinkOwner& owner,
         std::optional<Duration> write_stall);
  ~H2Link();
  H2Link(const H2Link&) = delete;
  H2Link& operator=(const H2Link&) = delete;

  // Reads and feeds until the peer's end (success), the session's end (success) or an error.
  // `first` are bytes that were read already.
  Task<Status> read_loop(Slice first, CancelScope& scope);
  // Writes until the session is finished (success) or an error.
  Task<Status> write_loop(CancelScope& scope);

  // Asks for a turn after the current event; changes to the session ask by themselves.
  void schedule();
  [[nodiscard]] Dispatcher& loop() const noexcept { return stream_.event_loop(); }
  [[nodiscard]] TimePoint last_read() const noexcept { return last_read_; }

 private:
  struct Guard {  // lets a scheduled turn see that the link is gone
    H2Link* link;
    bool pending;
  };
  void on_change() override { schedule(); }
  void turn();
  [[nodiscard]] bool wake(const H2StreamPtr& stream, const bool& gone);

  Stream& stream_;
  H2Session& session_;
  H2LinkOwner& owner_;
  std::optional<Duration> write_stall_;
  H2Output output_;
  std::vector<H2StreamPtr> waking_;
  Signal read_turn_;
  Signal write_turn_;
  Guard* guard_;
  bool* gone_ = nullptr;  // set while a turn runs
  TimePoint last_read_;
};

}  // namespace outrigger::http
