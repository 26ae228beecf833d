#include "proxy/runtime/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <utility>

namespace outrigger {
namespace {

TimePoint monotonic() noexcept {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return TimePoint{Duration{t.tv_sec * 1'000'000'000LL + t.tv_nsec}};
}

timeval to_timeval(Duration d) noexcept {
  if (d < Duration{0}) d = Duration{0};
  // Rounded up: waking early would only mean waking twice.
  const std::int64_t us = (d.count() + 999) / 1000;
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

}  // namespace

EventLoop::EventLoop() {
  event_config* config = event_config_new();
  // No change list: it would tell the kernel of a closed descriptor only when the loop sleeps, and
  // by then the number may be another thread's.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  if (base_ == nullptr) throw std::bad_alloc();
  now_ = monotonic();
  turn();
  evtimer_assign(&timer_, base_, &EventLoop::on_timer, this);
  posted_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  event_assign(&posted_event_, base_, posted_fd_, EV_READ | EV_PERSIST, &EventLoop::on_posted,
               this);
  event_add(&posted_event_, nullptr);
}

EventLoop::~EventLoop() {
  drop_posted();
  end_batch();
  if (read_block_ != nullptr) read_block_->unref();
  event_del(&timer_);
  event_del(&posted_event_);
  close(posted_fd_);
  event_base_free(base_);
}

void EventLoop::run() {
  end_batch();  // of before: no event would come for it
  while (!stopping_.load(std::memory_order_acquire)) {
    event_base_loop(base_, EVLOOP_ONCE);
    end_batch();
  }
}

void EventLoop::run_once() {
  end_batch();
  event_base_loop(base_, EVLOOP_ONCE);
  end_batch();
}

void EventLoop::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(posted_fd_, &one, sizeof one);
}

TimePoint EventLoop::fresh_now() noexcept {
  return monotonic();
}

void EventLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return;  // the wake-up is already on its way
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(posted_fd_, &one, sizeof one);
}

void EventLoop::drain_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(posted_fd_, &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) {
    item();
    run_deferred();
  }
}

// Posted work may own watches and timers, which need the loop to be let go.
void EventLoop::drop_posted() noexcept {
  std::vector<std::function<void()>> work;
  const std::lock_guard lock(posted_mutex_);
  work.swap(posted_);
}

Block& EventLoop::read_block() {
  if (read_block_ != nullptr && read_block_->shared()) std::exchange(read_block_, nullptr)->unref();
  if (read_block_ == nullptr) read_block_ = Block::make(kReadBytes);
  return *read_block_;
}

void EventLoop::wake_at(TimePoint when) noexcept {
  if (timer_set_ && timer_due_ <= when) return;
  timer_set_ = true;
  timer_due_ = when;
  const timeval after = to_timeval(when - now_);
  evtimer_add(&timer_, &after);
}

void EventLoop::on_timer(int, short, void* self) {
  auto& loop = *static_cast<EventLoop*>(self);
  loop.timer_set_ = false;
  loop.now_ = monotonic();
  loop.turn();
  if (const auto next = loop.wheel_.next()) {
    loop.wake_at(TimePoint{Duration{static_cast<std::int64_t>(*next) * 1'000'000}});
  }
}

void EventLoop::on_posted(int, short, void* self) {
  auto& loop = *static_cast<EventLoop*>(self);
  loop.now_ = monotonic();
  loop.drain_posted();
}

void FdWatch::watch(int fd, Mode mode) {
  const int interest = mode == Mode::kEdge ? EV_READ | EV_WRITE | EV_CLOSED | EV_ET : EV_READ;
  event_assign(&event_, loop_.base_, fd, static_cast<short>(interest | EV_PERSIST),
               &FdWatch::on_event, this);
  event_add(&event_, nullptr);
  watching_ = true;
  ++loop_.watches_;
}

void FdWatch::unwatch() noexcept {
  if (!watching_) return;
  event_del(&event_);
  watching_ = false;
  --loop_.watches_;
}

void FdWatch::on_event(int, short what, void* self) {
  auto& watch = *static_cast<FdWatch*>(self);
  EventLoop& loop = watch.loop_;
  loop.now_ = monotonic();
  watch.on_ready({(what & EV_READ) != 0, (what & EV_WRITE) != 0, (what & EV_CLOSED) != 0});
  loop.run_deferred();
}

}  // namespace outrigger
