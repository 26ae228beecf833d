// The libevent loop of one worker: descriptor readiness, timers, posted work. Everything of a
// worker runs on the thread that calls run(); only post() and stop() may be called from elsewhere.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger {

class EventLoop final : public Dispatcher {
 public:
  EventLoop();
  ~EventLoop() override;

  // Serves events until stop().
  void run();
  // Deferred work, then one batch of events; waits for one at most until the next timer. For tests.
  void run_once();
  void stop() noexcept;  // any thread

  [[nodiscard]] TimePoint fresh_now() noexcept override;
  void post(std::function<void()> work) override;

  // Room for one read of up to `kReadBytes`. The same block is handed out again once nothing refers
  // to it, so that passing bytes through allocates nothing.
  [[nodiscard]] Block& read_block();
  static constexpr std::size_t kReadBytes = 65536;

  // Descriptors watched: 0 after every test.
  [[nodiscard]] std::size_t watches() const noexcept { return watches_; }
  [[nodiscard]] event_base* base() noexcept { return base_; }

 private:
  friend class FdWatch;
  void wake_at(TimePoint when) noexcept override;
  void drain_posted();
  void drop_posted() noexcept;
  static void on_timer(int fd, short what, void* self);
  static void on_posted(int fd, short what, void* self);

  event_base* base_ = nullptr;
  event timer_{};
  event posted_event_{};
  int posted_fd_ = -1;
  TimePoint timer_due_;
  bool timer_set_ = false;
  std::atomic<bool> stopping_ = false;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  Block* read_block_ = nullptr;
  std::size_t watches_ = 0;
};

// Readiness of one descriptor, edge-triggered. Whoever is notified derives from it; it does not own
// the descriptor, and must be unwatched before that is closed.
class FdWatch {
 public:
  enum class Mode { kEdge, kLevelRead };  // level for listeners, edge for streams
  struct Ready {
    bool read = false;
    bool write = false;
    bool closed = false;  // the peer sent FIN or the connection broke (EPOLLRDHUP)
  };

  explicit FdWatch(EventLoop& loop) noexcept : loop_(loop) {}
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }

 protected:
  ~FdWatch() { unwatch(); }
  void watch(int fd, Mode mode);
  void unwatch() noexcept;
  [[nodiscard]] bool watching() const noexcept { return watching_; }
  // Must not touch this object after anything that may destroy it.
  virtual void on_ready(Ready ready) = 0;

 private:
  static void on_event(int fd, short what, void* self);
  EventLoop& loop_;
  event event_{};
  bool watching_ = false;
};

}  // namespace outrigger
